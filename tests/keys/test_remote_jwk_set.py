"""The gate's key set: when it is fetched, and that no failure ever empties it."""

import threading
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.keys.remote_jwk_set import KeysUnavailableError, RemoteJwkSet
from tests.keys.test_jwk_set import EC, RSA, document
from tests.support.patience import END

URI = "https://auth.example.com/.well-known/jwks.json"


class Issuer:
    """What is published, or the error that comes instead; a clock; and how often it was asked, and when."""

    def __init__(self, *keys: object) -> None:
        self.answer: bytes | Exception = document(*keys)
        self.now = 1_800_000_000.0
        self.asked: list[float] = []
        self.keys = RemoteJwkSet(URI, self.fetch, lambda: self.now)

    def fetch(self, uri: str) -> bytes:
        assert uri == URI
        self.asked.append(self.now)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def has(self, kid: str) -> bool:
        return self.keys.key(kid) is not None


def test_the_first_key_is_fetched_and_kept() -> None:
    issuer = Issuer(EC)
    assert not issuer.asked
    assert [issuer.has("ec") for _ in range(3)] == [True] * 3
    assert len(issuer.asked) == 1


def test_a_flood_of_unknown_kids_makes_one_fetch_in_ten_seconds() -> None:
    issuer = Issuer(EC)
    for step in range(2000):
        issuer.now = 1_800_000_000 + step / 100
        assert not issuer.has(f"unknown-{step}")
    assert issuer.asked == [1_800_000_000, 1_800_000_010]


@given(
    st.lists(st.tuples(st.floats(0, 400), st.sampled_from(["ec", "rsa", "no"]), st.integers(0, 3)), max_size=60)
)
@settings(max_examples=100, deadline=None)
def test_never_two_fetches_in_ten_seconds_and_never_empty_again(steps: list[tuple[float, str, int]]) -> None:
    issuer = Issuer(EC)
    answers: list[bytes | Exception] = [document(EC), document(RSA), b"broken", TimeoutError()]
    fetched = False
    for pause, kid, answer in steps:
        issuer.now += pause
        issuer.answer = answers[answer]
        try:
            issuer.keys.key(kid)
            fetched = True
        except KeysUnavailableError:
            assert not fetched
    assert all(later - sooner >= 10 for sooner, later in zip(issuer.asked, issuer.asked[1:], strict=False))


def test_a_rotated_key_appears_at_once_and_a_removed_one_goes() -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now + 10
    assert issuer.has("rsa")
    assert not issuer.has("ec")


def test_a_removed_key_goes_at_max_age() -> None:
    issuer = Issuer(EC, RSA)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now + 299
    assert issuer.has("ec")
    issuer.now += 1
    assert not issuer.has("ec")
    assert len(issuer.asked) == 2


FAILURES = [TimeoutError(), ConnectionRefusedError(), ValueError(), b"", b"<html>", document(), document(EC, EC)]


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_failed_fetch_keeps_the_keys_ghsa_fhv5_28vv_h8m8(
    failure: bytes | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer = failure
    for _ in range(5):
        issuer.now += 3600  # past max age, again and again
        assert not issuer.has("unknown")
        assert issuer.has("ec")
    assert len(issuer.asked) == 6
    assert [record.msg for record in caplog.records] == ["The JWK Set could not be fetched: %s"] * 5
    issuer.answer, issuer.now = document(RSA), issuer.now + 10
    assert issuer.has("rsa")


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_without_a_single_fetch_nobody_gets_in(failure: bytes | Exception) -> None:
    issuer = Issuer()
    issuer.answer = failure
    for _ in range(3):
        with pytest.raises(KeysUnavailableError) as unavailable:
            issuer.keys.key("ec")
        assert unavailable.value.retry_after == 10
    assert len(issuer.asked) == 1
    issuer.answer, issuer.now = document(EC), issuer.now + 10
    assert issuer.has("ec")


def test_a_clock_set_back_stops_nothing() -> None:
    issuer = Issuer(EC)
    assert issuer.has("ec")
    issuer.answer, issuer.now = document(RSA), issuer.now - 86_400
    assert issuer.has("rsa")


def in_threads(count: int, work: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


class SlowIssuer(Issuer):
    """Its answer comes when `answering` is set; `asking` says that a fetch is under way."""

    def __init__(self, *keys: object) -> None:
        super().__init__(*keys)
        self.asking, self.answering = threading.Event(), threading.Event()

    def fetch(self, uri: str) -> bytes:
        answer = super().fetch(uri)
        self.asking.set()
        assert self.answering.wait(END)
        return answer


def test_threads_wait_for_the_first_fetch_and_make_one() -> None:
    issuer = SlowIssuer(EC)
    found: list[bool] = []
    threads = in_threads(8, lambda: found.append(issuer.has("ec")))
    assert issuer.asking.wait(END)
    assert not found
    issuer.answering.set()
    for thread in threads:
        thread.join(END)
    assert found == [True] * 8
    assert len(issuer.asked) == 1


def test_threads_go_on_with_the_keys_there_are() -> None:
    issuer = SlowIssuer(EC)
    issuer.answering.set()
    assert issuer.has("ec")
    issuer.asking.clear()
    issuer.answering.clear()
    issuer.answer, issuer.now = document(RSA), issuer.now + 300
    found: list[bool] = []
    (fetching,) = in_threads(1, lambda: found.append(issuer.has("ec")))
    assert issuer.asking.wait(END)
    issuer.now += 300  # that fetch is long under way, and a further one would be due
    assert issuer.has("ec")
    assert not issuer.has("unknown")
    issuer.answering.set()
    fetching.join(END)
    assert found == [False]
    assert len(issuer.asked) == 2
