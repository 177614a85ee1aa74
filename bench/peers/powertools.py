"""An authorizer with the event and answer of aws-lambda-powertools; PyJWT verifies, for Powertools does not."""

from typing import Any

import jwt
from aws_lambda_powertools.utilities.data_classes import event_source
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerResponse,
    APIGatewayAuthorizerTokenEvent,
)

from bench.issued import Authorizer, Issued
from bench.peers import pyjwt
from bench.peers.routes import routes


def authorizer(issued: Issued) -> Authorizer:
    """The Lambda function."""
    verified = pyjwt.claims(issued)

    def decide(event: APIGatewayAuthorizerTokenEvent, _context: object) -> dict[str, Any]:
        scheme, _, token = event.authorization_token.partition(" ")
        if scheme.lower() != "bearer":
            raise Exception("Unauthorized")
        try:
            told = verified(token)
        except jwt.PyJWTError:
            raise Exception("Unauthorized") from None
        arn = event.parsed_arn
        answer = APIGatewayAuthorizerResponse(
            principal_id=told["sub"],
            region=arn.region,
            aws_account_id=arn.aws_account_id,
            api_id=arn.api_id,
            stage=arn.stage,
            partition=arn.partition,
            context={"sub": told["sub"], "client_id": told["client_id"], "scope": told["scope"]},
        )
        for method, path in routes(told["scope"]):
            answer.allow_route(http_method=method, resource=path)
        document: dict[str, Any] = answer.asdict()
        return document

    handler = event_source(data_class=APIGatewayAuthorizerTokenEvent)(decide)
    return lambda event: handler(event, None)
