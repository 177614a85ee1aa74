"""One call of the API: what every handler asks of a request."""

import pytest

from chalicelib.services import Services
from chalicelib.web import call as calls
from chalicelib.web.call import Call
from tests.support.requests import request


def test_a_device_is_the_peer_and_what_it_calls_itself_cut_short(services: Services) -> None:
    call = Call(request({"User-Agent": "x" * 300}), services, services.now())
    assert (call.device.address, call.device.user_agent) == ("192.0.2.7", "x" * 256)


def test_an_address_is_the_issuers_whatever_host_is_asked(services: Services) -> None:
    call = Call(request({"Host": "evil.example", "X-Forwarded-Host": "evil.example"}), services, services.now())
    assert call.address("/comments/1") == "https://gatehouse.example/comments/1"
    assert call.issuer == "https://gatehouse.example"


def test_the_call_under_way_is_known_while_it_lasts(services: Services) -> None:
    one, other = (Call(request(), services, now) for now in (1, 2))
    with calls.during(one):
        with calls.during(other):
            assert calls.current() is other
        assert calls.current() is one
    with pytest.raises(LookupError):
        calls.current()
