"""The least that an authorizer in Chalice can be."""

from typing import Any

from chalice import Chalice

app = Chalice(app_name="bare")


@app.authorizer()
def gate(request: Any) -> dict[str, Any]:
    """Allows the method that is asked for."""
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [request.method_arn]}
    return {
        "principalId": "user",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {},
    }
