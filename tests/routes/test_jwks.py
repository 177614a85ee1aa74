"""GET /.well-known/jwks.json: the public keys, and nothing else."""

import jwt

from chalicelib.model import User
from tests.support.client import Client

JWKS = "/.well-known/jwks.json"


def test_anyone_may_read_and_cache_it(client: Client) -> None:
    reply = client.send("GET", JWKS)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/jwk-set+json"
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert set(reply.json) == {"keys"}


def test_it_has_public_halves_alone(client: Client) -> None:
    keys = client.send("GET", JWKS).json["keys"]
    assert keys
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")


def test_every_key_id_is_there_once(client: Client) -> None:
    ids = [key["kid"] for key in client.send("GET", JWKS).json["keys"]]
    assert len(set(ids)) == len(ids)


def test_the_key_of_a_new_token_is_in_it(client: Client, user: User) -> None:
    kid = jwt.get_unverified_header(client.access_token(user.username))["kid"]
    assert kid in {key["kid"] for key in client.send("GET", JWKS).json["keys"]}
