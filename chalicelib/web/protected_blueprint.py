"""A Chalice blueprint whose every route stands in the access table, which says who checks its caller."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from chalice import Blueprint, Response

from chalicelib import access_table
from chalicelib.access_table import Kind
from chalicelib.authorizer import gate
from chalicelib.errors import GatehouseError
from chalicelib.web import call, failures, problem_details

Handler = Callable[..., Response]
"""Takes the `Call`, and path parameters by name."""

Renderer = Callable[[GatehouseError], Response]


class UnprotectedRouteError(TypeError):
    """A route that the access table does not name."""


class ProtectedBlueprint(Blueprint):
    """Registers handlers that take the `Call` first and path parameters by name.

    A route that the access table does not name is refused here, before anything is served. `render` turns errors
    into answers; `open_sign_up` is the stage's setting.
    """

    def __init__(
        self, import_name: str, *, open_sign_up: bool = False, render: Renderer = problem_details.from_error
    ) -> None:
        super().__init__(import_name)
        self._open_sign_up = open_sign_up
        self._render = render

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
        entry = access_table.entry(method, path, open_sign_up=self._open_sign_up)
        if entry is None:
            raise UnprotectedRouteError(f"{method} {path} stands in no line of the access table")

        def register(handler: Handler) -> Handler:
            view = self._answering(handler)
            # No content types: which ones a route reads is decided, and answered, in web.body.
            options: dict[str, Any] = {"methods": [method], "content_types": []}
            if entry.kind is Kind.GUARDED:
                options["authorizer"] = gate
            self.route(path, **options)(view)
            return handler

        return register

    def _answering(self, handler: Handler) -> Handler:
        @wraps(handler)
        def view(**path_parameters: str) -> Response:
            # Translated here: Chalice makes a 500 of every error but its own before a middleware sees it.
            try:
                with failures.translated():
                    return handler(call.current(), **path_parameters)
            except GatehouseError as error:
                return self._render(error)

        return view
