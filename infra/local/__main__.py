"""`python -m infra.local`: the emulated AWS, the demo data and the API behind the local gateway.

Reads PORT (default 8000). While it runs, `.local.env` in the current directory holds the environment, so that
other commands can reach the same stack. The emulated AWS and the port belong to this process, the gateway to a
child.
"""

import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local import gateway_process
from infra.local.gateway_process import EndedError, GatewayProcess

LOCAL_ENV = Path(".local.env")
_PAGES = "http://127.0.0.1:3000"
_MAX_PORT = 65535
_BACKLOG = 128  # connections that wait to be taken


def main() -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP, and then exits with 0; with 1 and one line where it cannot start, or
    the gateway ends by itself."""
    for number in _signals():
        signal.signal(number, _stop)
    status = 0
    try:
        with _listener(_port(os.environ.get("PORT", "8000"))) as listener:
            print("Starting the emulated AWS and the API ...", flush=True)
            with gateway_process.started(listener) as gateway:
                _serve(gateway, listener.getsockname()[1])
    except KeyboardInterrupt:
        pass
    except (EndedError, TimeoutError) as error:
        print(error, file=sys.stderr, flush=True)
        status = 1
    # All is cleaned up. The interpreter's own end would take modules apart under threads that still answer.
    os._exit(status)


def _serve(gateway: GatewayProcess, port: int) -> None:
    _set_environment(port)
    from infra.demo import load

    load(os.environ)
    gateway.serve(os.environ)
    with _local_env({name: text for name, text in os.environ.items() if name.startswith(("AWS_", "GATEHOUSE_"))}):
        print(_welcome(os.environ["GATEHOUSE_ISSUER"]) + _guarded(), flush=True)
        gateway.wait()


def _signals() -> list[signal.Signals]:
    """The signals that end it; SIGHUP (the terminal is gone) is not one under nohup(1), which has it ignored."""
    hung_up = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hung_up]


def _stop(_number: int, _frame: object) -> None:
    for number in _signals():
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= _MAX_PORT:
        sys.exit(f"PORT must be a number from 1 to {_MAX_PORT}, not {text!r}.")
    return int(text)


def _listener(port: int) -> socket.socket:
    """Takes `port` of the loopback address before anything else starts; who connects waits until it is served."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    except OSError as error:
        sys.exit(
            f"Port {port} cannot be used ({error.strerror}). Try another: make run PORT={port % _MAX_PORT + 1}"
        )


def _set_environment(port: int) -> None:
    """What the app will read: the emulated AWS, the issuer that follows from the port, and what the caller set."""
    from infra.emulated import moto_server

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # nothing of an account that the caller may have
    os.environ.update(moto_server.start())
    os.environ["GATEHOUSE_ISSUER"] = f"http://127.0.0.1:{port}"
    os.environ.setdefault("GATEHOUSE_OPEN_SIGN_UP", "true")
    os.environ.setdefault("GATEHOUSE_ALLOWED_ORIGINS", f"{_PAGES} http://127.0.0.1:{port}")


@contextmanager
def _local_env(environment: Mapping[str, str]) -> Iterator[None]:
    """Keeps `environment` in a file that a shell can source and nobody else can read."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))
    LOCAL_ENV.unlink(missing_ok=True)
    with open(os.open(LOCAL_ENV, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        yield
    finally:
        if LOCAL_ENV.exists() and LOCAL_ENV.read_text() == text:  # another run may have written its own
            LOCAL_ENV.unlink()


def _welcome(url: str) -> str:
    pair = """import json, sys; t = json.load(sys.stdin); print(t["access_token"], t["refresh_token"])"""
    return f"""
Gatehouse is at {url}  (Ctrl-C stops it)
Users: demo / demo-password, and the administrator admin / admin-password

Get a token:
  PAIR=$(curl -s -u demo:demo-password -X POST {url}/tokens | python3 -c '{pair}')
  TOKEN=${{PAIR% *}} REFRESH=${{PAIR#* }}

Call a protected route:
  curl -i {url}/me -H "Authorization: Bearer $TOKEN"

Refresh:
  curl -i {url}/tokens/refresh -d "refresh_token=$REFRESH"

Other commands reach the same emulated AWS after:  set -a; . ./.local.env; set +a
"""


def _guarded() -> str:
    from chalicelib.access_table import guarded
    from chalicelib.gate import explanation
    from chalicelib.gate.policy import AccessTable

    return explanation.text("The API", AccessTable(guarded())) + "\n"


if __name__ == "__main__":
    main()
