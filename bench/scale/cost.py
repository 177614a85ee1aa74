"""What operations cost, in dollars: measured work at list prices."""

import json
import re
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bench.scale import prices
from bench.scale.counter import LOG_EVENT
from bench.scale.operations import GATE, LOGOUT, REFRESH, REQUEST, SIGN_IN, Measured
from chalicelib.authorizer import CACHE_SECONDS
from chalicelib.telemetry.events import EventName, Measure
from infra import template

_CONFIG = Path(__file__).parents[2] / ".chalice/config.json"

MILLION = 1_000_000
DAY, DAYS = 86_400, 30
# "Configure Lambda function memory": a whole processor at so many MB, and less in proportion.
WHOLE_PROCESSOR = 1769
# Assumed: how long a call of DynamoDB or KMS takes, in milliseconds, in which the function waits.
WAIT = 5
# A line of the access log: its names and punctuation are the template's, its values as long as these.
_VALUES = {
    "requestId": "6bc3c4f1-9e8b-4d2c-8e4f-0d1a2b3c4d5e",
    "integration.requestId": "6bc3c4f1-9e8b-4d2c-8e4f-0d1a2b3c4d5e",
    "requestTimeEpoch": "1800000000000",
    "identity.sourceIp": "203.0.113.17",
    "httpMethod": "POST",
    "resourcePath": "/tokens/refresh",
    "status": "200",
    "error.responseType": "-",
    "responseLatency": "123",
    "integrationLatency": "123",
    "authorizer.latency": "12",
    "authorizer.sub": "gMuhNHEAzpfXbZDMpU8Z4g",
    "authorizer.sid": "gMuhNHEAzpfXbZDMpU8Z4g",
}


@dataclass(frozen=True, slots=True)
class Usage:
    """The model: what a user does in a day. `active` is minutes; the busiest second has `peak` times the mean."""

    sign_ins: float = 1 / 14
    logouts: float = 1 / 14
    active: int = 20
    refreshes: int = 2  # at the start, for the access token of yesterday has expired, and after 15 minutes
    requests_a_minute: int = 3
    peak: int = 5

    def a_day(self, operation: str) -> float:
        """How often a user does `operation` in a day."""
        return {
            SIGN_IN: self.sign_ins,
            LOGOUT: self.logouts,
            REFRESH: self.refreshes,
            REQUEST: self.active * self.requests_a_minute,
            GATE: self.active * 60 / CACHE_SECONDS,  # API Gateway keeps its answer for so long
        }[operation]


USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars, by whom they go to."""

    gateway: float
    requests: float
    x86: float
    arm: float
    dynamodb: float
    logs: float

    def total(self, *, arm: bool = False) -> float:
        return self.gateway + self.requests + (self.arm if arm else self.x86) + self.dynamodb + self.logs


def memory(function: str) -> int:
    """MB that .chalice/config.json gives to a function."""
    config = json.loads(_CONFIG.read_text())
    return int(config["lambda_functions"][function]["lambda_memory_size"])


def duration(measured: Measured, operation: str) -> int:
    """Milliseconds that Lambda bills: processor time, on the share of one that the memory gives, and waiting."""
    share = min(1.0, memory(_function(operation)) / WHOLE_PROCESSOR)
    return ceil(measured.milliseconds[operation] / share + WAIT * len(measured.counted[operation].calls))


def of_a_million(measured: Measured, operation: str) -> Cost:
    """What a million of `operation` cost. The gate is no request to the API: it is asked during one."""
    counted = measured.counted[operation]
    seconds = duration(measured, operation) / 1000 * memory(_function(operation)) / 1024 * MILLION
    logged = counted.log_bytes + (0 if operation == GATE else access_log_bytes())
    return Cost(
        gateway=0 if operation == GATE else prices.REST_REQUESTS.dollars,
        requests=prices.LAMBDA_REQUESTS.dollars,
        x86=seconds * prices.LAMBDA_X86.dollars,
        arm=seconds * prices.LAMBDA_ARM.dollars,
        dynamodb=counted.units.read * prices.READS.dollars + counted.units.write * prices.WRITES.dollars,
        logs=logged * MILLION / 1e9 * prices.LOGS.dollars,
    )


def of_a_month(measured: Measured, users: int, operation: str) -> float:
    """What `operation` costs in a month of so many users, on x86."""
    return of_a_million(measured, operation).total() * users * USAGE.a_day(operation) * DAYS / MILLION


def standing() -> float:
    """A month of what costs as much when nobody calls: a KMS key, alarms, metrics, the dashboard."""
    kinds = [item.get("Type") for item in template.resources().values()]
    metrics = len(EventName) + len(Measure) + kinds.count("AWS::Logs::MetricFilter")
    return (
        kinds.count("AWS::KMS::Key") * prices.KMS_KEY.dollars
        + kinds.count("AWS::CloudWatch::Alarm") * prices.ALARM.dollars
        + kinds.count("AWS::CloudWatch::Dashboard") * prices.DASHBOARD.dollars
        + metrics * prices.METRIC.dollars
    )


def access_log_bytes() -> int:
    """Bytes of one line of API Gateway's access log, as CloudWatch counts them."""
    pattern = template.resources()["RestAPI"]["Properties"]["AccessLogSetting"]["Format"]
    line = re.sub(r"\$context\.([A-Za-z.]+)", lambda match: _VALUES[match[1]], pattern)
    return len(line.encode()) + LOG_EVENT


def _function(operation: str) -> str:
    return "gate" if operation == GATE else "api_handler"
