"""Many sign-ups for one name or one address at the same moment: one wins, and nothing is left of the others."""

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial

import pytest

from chalicelib.accounts import username as usernames
from chalicelib.accounts.sign_up import SignUp
from chalicelib.errors import EmailTakenError, GatehouseError, StoreUnavailableError, UsernameTakenError
from chalicelib.model import Device, User
from chalicelib.services import Services
from chalicelib.stores.users import _name_claims
from tests.races import contest
from tests.races.contest import CONTESTANTS, at_once, attempt

pytestmark = pytest.mark.ministack

ROUNDS = 15


def sign_up(username: str, email: str, place: int) -> SignUp:
    """From an address for each contestant: of one, only so many may try."""
    return SignUp(username, email, contest.PASSWORD, Device(f"192.0.2.{place}", ""))


def race(services: Services, threads: Executor, requests: Sequence[SignUp]) -> set[type[GatehouseError]]:
    """Signs all up at once, of whom one must win. How the others were refused."""
    sign_ups = [partial(services.accounts.sign_up, request, services.now()) for request in requests]
    answers = at_once(threads, [partial(attempt, sign_up) for sign_up in sign_ups])
    (winner,) = (answer for answer in answers if isinstance(answer, User))
    assert services.users.by_username(winner.username) == winner
    assert_whole(services)
    return {type(answer) for answer in answers if isinstance(answer, GatehouseError)}


def assert_whole(services: Services) -> None:
    """Every user has claimed their address, and every claim has its user."""
    paginator = services.users.table.client.get_paginator("scan")
    pages = paginator.paginate(TableName=services.users.table.name, ConsistentRead=True)
    items = [item for page in pages for item in page["Items"]]
    claims = {(item["pk"]["S"], item["holder"]["S"]) for item in items if "holder" in item}
    users = [item for item in items if "username" in item]
    names = {(key["pk"], user["sub"]["S"]) for user in users for key in _name_claims(user["username"]["S"])}
    addresses = {(f"email:{usernames.key(user['email']['S'])}", user["sub"]["S"]) for user in users}
    assert claims == names | addresses
    assert len(users) + len(claims) == len(items)


def test_one_username_goes_to_one(arena: Services, racer: User, threads: Executor) -> None:
    for number in range(ROUNDS):
        name = f"{racer.username}-{number}"
        spellings = [name, name.upper()] * (CONTESTANTS // 2)
        requests = [sign_up(text, f"{place}@{name}.example", place) for place, text in enumerate(spellings)]
        assert race(arena, threads, requests) <= {UsernameTakenError, StoreUnavailableError}


def test_one_email_address_goes_to_one(arena: Services, racer: User, threads: Executor) -> None:
    for number in range(ROUNDS):
        name = f"{racer.username}-{number}"
        requests = [sign_up(f"{name}-{each}", f"{name}@example.com", each) for each in range(CONTESTANTS)]
        assert race(arena, threads, requests) <= {EmailTakenError, StoreUnavailableError}


def test_a_form_sent_many_times_makes_one_account(arena: Services, racer: User, threads: Executor) -> None:
    for number in range(ROUNDS):
        name = f"{racer.username}-{number}"
        requests = [sign_up(name, f"{name}@example.com", each) for each in range(CONTESTANTS)]
        assert race(arena, threads, requests) <= {UsernameTakenError, StoreUnavailableError}
