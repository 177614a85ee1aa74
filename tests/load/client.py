"""Clients: devices of a few users, each with a session that it keeps, loses, ends or has stolen."""

import base64
import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any
from urllib.parse import urlencode

import jwt

from chalicelib.model import EndReason
from tests.load.accounts import Account, Held, named, session_of
from tests.load.history import Act, Seen
from tests.support.patience import END

_TRIES = 20
_UNKNOWN = {None, 503}  # no answer, or one that says to try again
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Device:
    """One client. Writes down in `seen` what it saw; `ports` are the containers, of which it takes any."""

    def __init__(self, account: Account, ports: list[int], seen: list[Seen], seed: str) -> None:
        self.account = account
        self.ended: list[Held] = []
        self.kids: set[str] = set()
        self._ports = ports
        self._seen = seen
        self._random = random.Random(seed)  # noqa: S311 (which request comes next is no secret)
        self._connections: dict[int, HTTPConnection] = {}
        self._numbers = count()
        self.held = self.sign_in()

    # ---- What a client does ----

    def act(self) -> None:
        """Does one thing, at random."""
        acts, weights = zip(*_ACTS, strict=True)
        (act,) = self._random.choices(acts, weights)
        act(self)

    def sign_in(self) -> Held:
        """A new session; asked for again until there is an answer."""
        account = self.account
        while True:
            with account.changing:
                basic = base64.b64encode(f"{account.username}:{account.passwords[-1]}".encode()).decode()
                seen, answer = self._ask(Act.SIGN_IN, "POST", "/tokens", {"Authorization": f"Basic {basic}"})
                if seen.status == 401 and len(account.passwords) > 1:
                    account.passwords.pop()
                    continue
                if seen.status == 200:
                    account.passwords = account.passwords[-1:]
                    held = Held(
                        session_of(answer["access_token"]), answer["access_token"], [answer["refresh_token"]]
                    )
                    self._seen.append(replace(seen, session=held.session))
                    return held
            self._seen.append(seen)
            if seen.status not in _UNKNOWN:
                raise RuntimeError(f"a sign-in was answered {seen.status}")

    def call(self, held: Held | None = None, container: int | None = None) -> int | None:
        """A protected call."""
        held = held or self.held
        seen, _ = self._ask(Act.CALL, "GET", "/me", _bearer(held), container=container, session=held.session)
        self._seen.append(seen)
        return seen.status

    def call_or_recover(self) -> None:
        """As a client should: refused, it refreshes; and where that is refused, it signs in."""
        if self.call() == 401:
            self.refresh()

    def refresh(self) -> None:
        """The next pair; on 503 with the same token again, on 401 a new session."""
        for _ in range(_TRIES):
            status = self.present(self.held, self.held.refresh_tokens[-1])
            if status == 401:
                self._begin_anew()
            if status not in _UNKNOWN:
                return
            time.sleep(0.5)
        raise RuntimeError("the store stays unavailable")

    def present(self, held: Held, token: str) -> int | None:
        """A refresh with `token`, whose successor is kept."""
        seen, answer = self._present(held, token)
        self._keep(held, answer)
        return seen.status

    def lose_an_answer(self) -> None:
        """The connection breaks as the answer comes; then the same token again."""
        token = self.held.refresh_tokens[-1]
        container, began = self._any(), time.monotonic()
        connection = self._connect(container)
        connection.request("POST", "/tokens/refresh", urlencode({"refresh_token": token}), _FORM)
        # Not before: a request that overtakes its own repetition is a reuse.
        connection.sock.recv(1)
        connection.close()
        lost = Seen(Act.REFRESH, self.account.username, container, began, None, None, self.held.session)
        self._seen.append(replace(lost, presented=named(token)))
        self.refresh()

    def refresh_in_two_tabs(self) -> None:
        """Two refreshes with one token at the same moment, in different containers."""
        held, token, other = self.held, self.held.refresh_tokens[-1], self._other_tab()
        with ThreadPoolExecutor(2) as threads:
            tabs = [threads.submit(tab._present, held, token, n) for n, tab in enumerate((self, other))]
        other.close()
        for tab in tabs:
            self._keep(held, tab.result()[1])

    def try_what_has_ended(self) -> None:
        """An access token and a refresh token of a session that is over."""
        if self.ended:
            held = self._random.choice(self.ended)
            self.call(held)
            self.present(held, held.refresh_tokens[-1])

    def log_out(self) -> None:
        self.end(EndReason.LOGOUT, "POST", "/logout", self.held.session)

    def log_out_everywhere(self) -> None:
        self.end(EndReason.LOGOUT_ALL, "POST", "/logout?sessions=all", None)

    def log_out_others(self) -> None:
        self.end(EndReason.LOGOUT_OTHERS, "POST", "/logout?sessions=others", self.held.session)

    def end_from_list(self) -> None:
        """Ends any one of the user's living sessions."""
        living = [session for session, reason in self.sessions().items() if reason is None]
        if living:
            session = self._random.choice(living)
            self.end(EndReason.REVOKED, "DELETE", f"/me/sessions/{session}", session)

    def change_password(self) -> None:
        account = self.account
        with account.changing:
            if len(account.passwords) > 1:
                return
            new = f"{account.username} {next(self._numbers)} {self._random.getrandbits(64):x}"
            fields = {"current_password": account.passwords[-1], "new_password": new}
            status = self.end(
                EndReason.PASSWORD_CHANGED, "PUT", "/me/password", self.held.session, json.dumps(fields)
            )
            if status == 204:
                account.passwords = [new]
            elif status in _UNKNOWN:
                account.passwords.append(new)

    def be_stolen_from(self) -> None:
        """A thief uses a refresh token two generations old."""
        held = self.held
        if len(held.refresh_tokens) <= 2:
            return self.refresh()
        body = urlencode({"refresh_token": held.refresh_tokens[-3]})
        told: dict[str, Any] = {"reason": EndReason.REUSE, "target": held.session, "session": held.session}
        self._seen.append(self._ask(Act.END, "POST", "/tokens/refresh", _FORM, body, **told)[0])
        return self.refresh()

    def sessions(self) -> dict[str, str | None]:
        """Every session that is listed, and why it ended. Empty where the access token is refused."""
        listed: dict[str, str | None] = {}
        after = ""
        while True:
            held = self.held
            seen, answer = self._ask(Act.CALL, "GET", f"/me/sessions{after}", _bearer(held), session=held.session)
            self._seen.append(seen)
            if seen.status != 200:
                return {}
            listed |= {session["session_id"]: session.get("reason") for session in answer["sessions"]}
            if "next" not in answer:
                return listed
            after = "?" + urlencode({"next": answer["next"]})

    # ---- When all is over ----

    def try_everything(self) -> None:
        """Every session, living or not, in every container."""
        for held in [*self.ended, self.held]:
            for container in range(len(self._ports)):
                self.call(held, container)
            self.present(held, held.refresh_tokens[-1])

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    # ---- How ----

    def end(self, reason: str, method: str, path: str, session: str | None, body: str = "") -> int | None:
        """Asks for an end. `session` as `Seen.target`."""
        held = self.held
        headers = {**_bearer(held), "Content-Type": "application/json"}
        told: dict[str, Any] = {"reason": reason, "target": session, "session": held.session}
        seen, _ = self._ask(Act.END, method, path, headers, body, **told)
        self._seen.append(seen)
        return seen.status

    def _present(self, held: Held, token: str, container: int | None = None) -> tuple[Seen, Any]:
        body = urlencode({"refresh_token": token})
        told: dict[str, Any] = {"session": held.session, "presented": named(token)}
        seen, answer = self._ask(Act.REFRESH, "POST", "/tokens/refresh", _FORM, body, container, **told)
        if seen.status == 200:
            seen = replace(seen, successor=named(answer["refresh_token"]))
        self._seen.append(seen)
        return seen, answer

    def _keep(self, held: Held, answer: Any) -> None:
        if "refresh_token" in answer:
            self.kids.add(jwt.get_unverified_header(answer["access_token"])["kid"])
            held.access_token = answer["access_token"]
            if answer["refresh_token"] not in held.refresh_tokens:
                held.refresh_tokens.append(answer["refresh_token"])

    def _begin_anew(self) -> None:
        self.ended.append(self.held)
        self.held = self.sign_in()

    def _other_tab(self) -> "Device":
        tab = object.__new__(Device)
        tab.__dict__ |= self.__dict__ | {"_connections": {}}
        return tab

    def _ask(
        self,
        act: Act,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str = "",
        container: int | None = None,
        **told: Any,
    ) -> tuple[Seen, Any]:
        container = self._any() if container is None else container
        connection = self._connections.setdefault(container, self._connect(container))
        began = time.monotonic()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException):
            connection.close()
            return Seen(act, self.account.username, container, began, None, None, **told), {}
        answered = time.monotonic()
        seen = Seen(act, self.account.username, container, began, answered, response.status, **told)
        return seen, json.loads(answer) if answer else {}

    def _any(self) -> int:
        return self._random.randrange(len(self._ports))

    def _connect(self, container: int) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._ports[container], timeout=END)


# What a device does, and how often.
_ACTS: list[tuple[Callable[[Device], None], int]] = [
    (Device.call_or_recover, 40),
    (Device.refresh, 20),
    (Device.lose_an_answer, 8),
    (Device.refresh_in_two_tabs, 8),
    (Device.try_what_has_ended, 10),
    (Device.be_stolen_from, 3),
    (Device.log_out, 3),
    (Device.end_from_list, 3),
    (Device.log_out_others, 1),
    (Device.log_out_everywhere, 1),
    (Device.change_password, 1),
]


def _bearer(held: Held) -> dict[str, str]:
    return {"Authorization": f"Bearer {held.access_token}"}
