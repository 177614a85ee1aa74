"""The emulated AWS: moto in this process, on a free loopback port, with what infra/resources.yaml describes."""

from collections.abc import Mapping
from functools import cache
from threading import Thread

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from infra.emulated import stack


class _SilentHandler(WSGIRequestHandler):
    """Answers without a log line for each call."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the name is werkzeug's)
        pass


@cache
def start() -> Mapping[str, str]:
    """Starts the emulator, if it does not run yet, and creates the stack (`stack.create`).

    Gives the environment that reaches it. It ends with the process; there is one for each process, for that
    is where moto keeps its state.
    """
    return stack.create(_serve().server_port)


def _serve() -> BaseWSGIServer:
    # One thread: moto's conditional writes and transactions are atomic only while nothing runs beside them.
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=False, request_handler=_SilentHandler)
    Thread(target=server.serve_forever, name="moto", daemon=True).start()
    return server
