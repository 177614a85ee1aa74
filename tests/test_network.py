"""The network of an address, by which counters are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.network import network


def test_an_ipv4_address_is_its_own() -> None:
    assert network("192.0.2.7") == "192.0.2.7" != network("192.0.2.8")


@pytest.mark.parametrize("address", ["2001:db8:1:2::", "2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::1%eth0"])
def test_all_addresses_of_a_site_are_one(address: str) -> None:
    assert network(address) == "2001:db8:1:2::/64"


def test_the_next_site_is_another() -> None:
    assert network("2001:db8:1:3::1") == "2001:db8:1:3::/64"
    assert network("2001:db8:1:3::1", 56) == network("2001:db8:1:2::1", 56) == "2001:db8:1::/56"


@pytest.mark.parametrize("address", ["::ffff:192.0.2.7", "::ffff:c000:207", "0:0:0:0:0:FFFF:192.0.2.7"])
def test_an_ipv4_address_in_ipv6_is_itself(address: str) -> None:
    assert network(address) == "192.0.2.7"


@pytest.mark.parametrize("text", ["", "unknown", "192.0.2.07", "192.0.2.7:443", "[2001:db8::1]", "2001:db8::1/64"])
def test_what_is_no_address_is_its_own(text: str) -> None:
    assert network(text) == text


@given(st.text(max_size=200))
def test_any_text_has_a_bounded_network(text: str) -> None:
    assert len(network(text)) <= 45


@given(st.ip_addresses(v=6))
def test_a_network_is_its_own_network(address: object) -> None:
    first = network(str(address)).partition("/")[0]
    assert network(first).partition("/")[0] == first
