"""The key set of the gate: an issuer's JWK Set, fetched seldom and never lost.

`RemoteJwkSet` keeps what was read, `fetch_jwk_set` is the network. The gate's cold start pays for every import
here, so what fetches is imported when it fetches.
"""

import logging
import threading
from collections.abc import Callable

from chalicelib.errors import StoreUnavailableError
from chalicelib.keys.jwk_set import JwkSet, PublicKey, parse_jwk_set

# In seconds, for each wait on the socket: who answers may be a function that has to start first.
FETCH_TIMEOUT = 5.0
MAX_DOCUMENT_LENGTH = 64 * 1024  # bytes

_log = logging.getLogger(__name__)


class KeysUnavailableError(StoreUnavailableError):
    """No key was ever fetched, so nothing can be verified and nobody is let in."""


class RemoteJwkSet:
    """The keys published at `uri`. Safe for threads; one object for each issuer and container.

    It fetches when it has no keys, for an unknown `kid`, and where its keys are `max_age` seconds old; but
    never twice within `cooldown` seconds, whatever happens. A fetch that fails, or brings what is no JWK Set,
    changes nothing: the gate goes on with the keys that it has, past `max_age` too. One that succeeds
    replaces them all, so a key that is no longer published is gone.

    `fetch` takes the URI and returns the document, or raises `OSError`. `clock` gives seconds; it may be
    the wall clock (a container sleeps between requests, and a monotonic clock may sleep with it).
    """

    def __init__(
        self,
        uri: str,
        fetch: Callable[[str], bytes],
        clock: Callable[[], float],
        max_age: float = 300,
        cooldown: float = 10,
    ) -> None:
        self._uri, self._fetch, self._clock = uri, fetch, clock
        self._max_age, self._cooldown = max_age, cooldown
        self._keys: JwkSet = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = threading.Lock()

    def key(self, kid: str) -> PublicKey | None:
        """The key with this `kid`, or None. Raises `KeysUnavailableError` where none were ever fetched."""
        # One thread fetches. The others go on with the keys that there are, and wait only for the first.
        if (not self._keys or self._due(kid)) and self._fetching.acquire(blocking=not self._keys):
            try:
                self._refetch(kid)
            finally:
                self._fetching.release()
        keys = self._keys
        if not keys:
            raise KeysUnavailableError(detail="the JWK Set was never fetched", retry_after=int(self._cooldown))
        return keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._clock()
        if _within(now, self._tried_at, self._cooldown):
            return False
        return kid not in self._keys or not _within(now, self._fetched_at, self._max_age)

    def _refetch(self, kid: str) -> None:
        if not self._due(kid):  # another thread fetched while this one waited
            return
        self._tried_at = self._clock()
        try:
            self._keys = parse_jwk_set(self._fetch(self._uri))
        except (OSError, ValueError) as error:
            _log.warning("The JWK Set could not be fetched: %s", error)
        else:
            self._fetched_at = self._tried_at


def _within(now: float, since: float | None, seconds: float) -> bool:
    """Whether less than `seconds` have passed; a clock that was set back is no reason to wait for it."""
    return since is not None and 0 <= now - since < seconds


def fetch_jwk_set(uri: str) -> bytes:
    """The document at `uri`, by one GET over HTTP or HTTPS, without redirects and without proxies.

    Raises `OSError` for any status but 200, for more than 64 kB, and for what does not come in time.
    """
    import urllib.request
    from http import HTTPStatus
    from http.client import HTTPException

    if not uri.startswith(("https://", "http://")):
        raise OSError("the JWK Set's address is neither https nor http")
    # Built by hand because the default opener follows redirects and reads files.
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    try:
        with opener.open(uri, timeout=FETCH_TIMEOUT) as response:
            document: bytes = response.read(MAX_DOCUMENT_LENGTH + 1)
            status: int = response.status
    except (HTTPException, ValueError) as error:
        raise OSError(f"the JWK Set's address gave no HTTP answer: {type(error).__name__}") from error
    if status != HTTPStatus.OK:
        raise OSError(f"the JWK Set's address answered {status}")
    if len(document) > MAX_DOCUMENT_LENGTH:
        raise OSError("the JWK Set is too long")
    return document
