"""AWS's list prices, us-east-1, in dollars: the only place where they stand. Free tiers are left out.

Each names the AWS page that has it, and the day on which somebody read it there and wrote it down in public; these
figures come from such notes, not from a bill.
"""

from dataclasses import dataclass

REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Price:
    """`dollars` for each `unit`, from the AWS page `page`, as read there on the day `read`."""

    name: str
    dollars: float
    unit: str
    page: str
    read: str


_LAMBDA, _GATEWAY, _DYNAMODB = "AWS Lambda pricing", "Amazon API Gateway pricing", "Pricing for On-Demand Capacity"
_CLOUDWATCH, _KMS, _COGNITO = "Amazon CloudWatch pricing", "AWS KMS pricing", "Amazon Cognito pricing"

REST_REQUESTS = Price("API Gateway, REST API", 3.50, "million requests", _GATEWAY, "2025-05-19")
LAMBDA_REQUESTS = Price("Lambda, requests", 0.20, "million requests", _LAMBDA, "2026-09-20")
LAMBDA_X86 = Price("Lambda, x86", 0.0000166667, "GB-second", _LAMBDA, "2026-05-11")
LAMBDA_ARM = Price("Lambda, arm64", 0.0000133334, "GB-second", _LAMBDA, "2026-05-11")
READS = Price("DynamoDB, read request units", 0.125, "million", _DYNAMODB, "2025-07-21")
WRITES = Price("DynamoDB, write request units", 0.625, "million", _DYNAMODB, "2025-07-21")
KMS_KEY = Price("KMS, a key", 1.00, "month", _KMS, "2026-03-14")
KMS_REQUESTS = Price("KMS, requests", 0.03, "10,000", _KMS, "2026-03-14")
LOGS = Price("CloudWatch Logs, taken in", 0.50, "GB", _CLOUDWATCH, "2026-06-13")
METRIC = Price("CloudWatch, a custom metric", 0.30, "month", _CLOUDWATCH, "2026-02-15")
ALARM = Price("CloudWatch, an alarm", 0.10, "month", _CLOUDWATCH, "undated")
DASHBOARD = Price("CloudWatch, a dashboard", 3.00, "month", _CLOUDWATCH, "2026-06-13")
EVENTS = Price("EventBridge, custom events", 1.00, "million", "Amazon EventBridge pricing", "2026-03-13")
ESSENTIALS = Price("Cognito Essentials, above 10,000", 0.015, "active user and month", _COGNITO, "2026-09-20")
LITE = Price("Cognito Lite, above 10,000", 0.0055, "active user and month", _COGNITO, "2026-09-20")
LITE_ABOVE = Price("Cognito Lite, above 100,000", 0.0046, "active user and month", _COGNITO, "2026-09-20")

PRICES = tuple(value for value in list(globals().values()) if isinstance(value, Price))

COGNITO_FREE, LITE_FIRST_TIER = 10_000, 100_000  # active users in a month


def cognito_essentials(users: int) -> float:
    """A month of so many active users."""
    return max(0, users - COGNITO_FREE) * ESSENTIALS.dollars


def cognito_lite(users: int) -> float:
    """A month of so many active users, at the most: above a million Lite is cheaper still."""
    first = max(0, min(users, LITE_FIRST_TIER) - COGNITO_FREE)
    return first * LITE.dollars + max(0, users - LITE_FIRST_TIER) * LITE_ABOVE.dollars
