"""Events as AWS sends them to Lambda functions, for those who stand in its place.

By hand: the libraries that make such events fill in samples; these carry a request byte for byte.
"""

from collections.abc import Mapping
from typing import Any

# "Event structure reference" in the EventBridge user guide.
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2027-01-15T08:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/rotate_keys"],
    "detail": {},
}


def proxy_event(
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    *,
    query: Mapping[str, str] | None = None,
    context: Mapping[str, str] | None = None,
    api_id: str = "a1b2c3d4e5",
    stage: str = "api",
) -> dict[str, Any]:
    """A request to a route without parameters, with the `context` that the gate gave, if it was asked.

    "Input format of a Lambda function for proxy integration" in the API Gateway developer guide.
    """
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query or {}) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in (query or {}).items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": api_id,
            "stage": stage,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "httpMethod": method,
            "resourcePath": path,
            "path": f"/{stage}{path}",
            "protocol": "HTTP/1.1",
            "identity": {"sourceIp": "192.0.2.7", "userAgent": sent.get("user-agent")},
            **({"authorizer": {"principalId": context["sub"], **context}} if context else {}),
        },
    }
