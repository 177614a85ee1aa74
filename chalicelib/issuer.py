"""Which issuer this is: the setting, or the address that API Gateway gave the API.

Never the Host header, nor any X-Forwarded one: whoever sends the request writes those.
"""

from chalicelib.settings import Settings


def issuer_of(settings: Settings, api_id: str, region: str, stage: str) -> str:
    """The issuer for the API that `api_id`, `region` and `stage` name; the setting wins."""
    return settings.issuer or execute_api_url(api_id, region, stage)


def audience_of(settings: Settings, issuer: str) -> str:
    """Whom a token is for that names no other resource: this service's own API."""
    return settings.audience or issuer


def execute_api_url(api_id: str, region: str, stage: str) -> str:
    """The address of a REST API's stage, as API Gateway documents it ("Invoke REST APIs")."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{api_id}.execute-api.{region}.{suffix}/{stage}"


def jwks_uri(settings: Settings, issuer: str) -> str:
    """Where the JWK Set of `issuer` stands."""
    return settings.jwks_uri or f"{issuer}/.well-known/jwks.json"
