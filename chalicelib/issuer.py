"""Which issuer this is: the setting, or the address that API Gateway gave the API.

Never the Host header, nor any X-Forwarded one: whoever sends the request writes those.
"""

from chalicelib.realm import Realm
from chalicelib.settings import Settings


def realm(settings: Settings, api_id: str, region: str, stage: str) -> Realm:
    """The realm of the API that `api_id`, `region` and `stage` name; a setting wins over each part."""
    issuer = settings.issuer or execute_api_url(api_id, region, stage)
    return Realm(issuer, settings.audience or issuer)


def execute_api_url(api_id: str, region: str, stage: str) -> str:
    """The address of a REST API's stage, as API Gateway documents it ("Invoke REST APIs")."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{api_id}.execute-api.{region}.{suffix}/{stage}"


def jwks_uri(settings: Settings, issuer: str) -> str:
    """Where the JWK Set of `issuer` stands."""
    return settings.jwks_uri or f"{issuer}/.well-known/jwks.json"
