"""A door: a Chalice blueprint whose every route is public by name or guarded by the gate, and never neither."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice import Blueprint, Response
from chalice.app import Request

from chalicelib.access_table import ACCESS_TABLE, is_public
from chalicelib.authorizer import gate
from chalicelib.errors import GatehouseError
from chalicelib.web import problem_details

Handler = Callable[..., Response]

_PROTECTED = frozenset((entry.method, entry.path) for entry in ACCESS_TABLE)


class UnprotectedRouteError(TypeError):
    """A route that the access table does not name."""


class ProtectedBlueprint(Blueprint):
    """Registers handlers that take the request first and path parameters by name.

    The access table alone says whether a route takes a token; a route that it does not name is refused here,
    before anything is served.
    """

    def __init__(self, import_name: str, *, open_sign_up: bool = False) -> None:
        super().__init__(import_name)
        self._open_sign_up = open_sign_up

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Serves GET on `path`."""
        return self._serve("GET", path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """Serves POST on `path`."""
        return self._serve("POST", path)

    def put(self, path: str) -> Callable[[Handler], Handler]:
        """Serves PUT on `path`."""
        return self._serve("PUT", path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Serves DELETE on `path`."""
        return self._serve("DELETE", path)

    def options(self, path: str) -> Callable[[Handler], Handler]:
        """Serves OPTIONS on `path`: a browser's preflight, which carries no token (Fetch §3.2.2)."""
        return self._serve("OPTIONS", path)

    def _serve(self, method: str, path: str) -> Callable[[Handler], Handler]:
        public = is_public(method, path, open_sign_up=self._open_sign_up)
        if not public and (method, path) not in _PROTECTED:
            raise UnprotectedRouteError(f"{method} {path} stands in no line of the access table")

        def register(handler: Handler) -> Handler:
            view = self._answering(handler)
            # No content types: which ones a route reads is decided, and answered, in body.py.
            options: dict[str, Any] = {"methods": [method], "content_types": []}
            if not public:
                options["authorizer"] = gate
            self.route(path, **options)(view)
            return handler

        return register

    def _answering(self, handler: Handler) -> Handler:
        @wraps(handler)
        def view(**path_parameters: str) -> Response:
            request: Request = self.current_request
            # Translated here: Chalice makes a 500 of every error but its own before a middleware sees it.
            try:
                return handler(request, **path_parameters)
            except GatehouseError as error:
                return problem_details.from_error(error)

        return view
