"""Many sign-ins at the same moment, over sockets: each is answered, and none with an error of ours."""

import http.client
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app import app
from chalicelib.accounts.password import PROFILES, Profile
from chalicelib.services import Services, install
from infra.local.gateway import Gateway
from tests.conftest import CHEAP, new_user
from tests.support.client import Client, basic
from tests.support.patience import END
from tests.support.served import served


@pytest.mark.parametrize(
    ("profile", "times", "at_once"), [(PROFILES["RFC_9106_LOW_MEMORY"], 24, 8), (CHEAP, 160, 32)]
)
def test_sign_ins_at_the_same_moment_are_all_answered(
    services: Services, client: Client, profile: Profile, times: int, at_once: int
) -> None:
    hashing = replace(services, profile=profile)
    install(hashing)
    right, wrong = new_user(hashing), new_user(hashing)

    def sign_in(number: int) -> int:
        # Every eighth with a wrong password, for it must be no other who is refused.
        user, password = (right, "demo-password") if number % 8 else (wrong, "wrong password")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=END)
        try:
            connection.request("POST", "/tokens", headers=basic(user.username, password))
            return connection.getresponse().status
        finally:
            connection.close()

    with served(Gateway(app)) as port, ThreadPoolExecutor(at_once) as pool:
        answers = Counter(pool.map(sign_in, range(times)))
    assert answers[200] == times - times // 8
    assert answers[401] + answers[429] == times // 8
