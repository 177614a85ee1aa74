"""What can go wrong, in the field's own words.

Each error has a `code`, a `description` that a client may read, and an optional `detail` that only a log may hold.
Neither ever contains a secret, and no description tells which half of a credential was wrong.
What an answer makes of an error is decided where it is given: `web/problem_details.py`.
"""


class GatehouseError(Exception):
    """The parent of every error that a caller is meant to see.

    `code` is the error's name in a protocol (RFC 6749 §5.2, RFC 6750 §3.1) or ours, `description` one sentence
    for the client; `detail` stays on our side.
    """

    code = "server_error"
    description = "The request could not be completed."

    def __init__(self, description: str | None = None, *, detail: str | None = None) -> None:
        if description is not None:
            self.description = description
        self.detail = detail
        super().__init__(self.description)


class InvalidRequestError(GatehouseError):
    """The request is malformed or a value in it is refused (RFC 6749 §5.2 `invalid_request`)."""

    code = "invalid_request"
    description = "The request is malformed."


class InvalidCredentialsError(GatehouseError):
    """Username and password do not belong together, for whatever reason."""

    code = "invalid_grant"
    description = "Invalid credentials."


class InvalidGrantError(GatehouseError):
    """A refresh token is unknown, altered, expired, ended or used twice (RFC 6749 §5.2 `invalid_grant`)."""

    code = "invalid_grant"
    description = "The refresh token is invalid or expired."


class UnsupportedGrantTypeError(GatehouseError):
    """There is no such grant (RFC 6749 §5.2 `unsupported_grant_type`)."""

    code = "unsupported_grant_type"
    description = "This grant type is not supported."


class UnauthorizedClientError(GatehouseError):
    """The client may not use this grant (RFC 6749 §5.2 `unauthorized_client`)."""

    code = "unauthorized_client"
    description = "This client may not use this grant type."


class InvalidTokenError(GatehouseError):
    """An access token is malformed, expired, revoked or not for us (RFC 6750 §3.1 `invalid_token`)."""

    code = "invalid_token"
    description = "The access token is invalid or expired."


class InsufficientScopeError(GatehouseError):
    """The access token is good and may not do this (RFC 6750 §3.1 `insufficient_scope`)."""

    code = "insufficient_scope"
    description = "The access token does not allow this request."


class ForbiddenError(GatehouseError):
    """The caller is known, the thing exists, and it belongs to somebody else."""

    code = "access_denied"
    description = "This is not yours to change."


class NotFoundError(GatehouseError):
    """There is nothing at this id, or nothing that the caller may know of."""

    code = "not_found"
    description = "There is nothing here."


class ConflictError(GatehouseError):
    """A name that can be taken once is taken, or a change meets another."""

    code = "conflict"


class UsernameTakenError(ConflictError):
    """Another account has this username."""

    code = "username_taken"
    description = "This username already exists."


class EmailTakenError(ConflictError):
    """Another account has this email address."""

    code = "email_taken"
    description = "This email address already exists."


class ContentTooLargeError(GatehouseError):
    """The body is longer than any that this service takes (RFC 9110 §15.5.14)."""

    code = "content_too_large"
    description = "The request body is too large."


class UnsupportedMediaTypeError(GatehouseError):
    """The body comes in a type that the route does not read (RFC 9110 §15.5.16)."""

    code = "unsupported_media_type"
    description = "The request body has a type that is not read here."


class TooManyRequestsError(GatehouseError):
    """Too many failures or requests from here (RFC 6585 §4). `retry_after` is in seconds."""

    code = "too_many_requests"
    description = "Too many failed attempts. Please try again later."

    def __init__(self, description: str | None = None, *, retry_after: int) -> None:
        super().__init__(description)
        self.retry_after = retry_after


class StoreUnavailableError(GatehouseError):
    """A store did not answer, or not in time. `retry_after` is in seconds (RFC 9110 §10.2.3)."""

    code = "temporarily_unavailable"
    description = "The service is briefly unavailable. Please try again."

    def __init__(self, *, detail: str | None = None, retry_after: int = 1) -> None:
        super().__init__(detail=detail)
        self.retry_after = retry_after
