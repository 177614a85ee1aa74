"""What a user's scopes open, as the peers write it: by hand, a star for each parameter and no Deny."""

ROUTES = {
    "account": (("PUT", "/me/password"), ("GET", "/me/sessions"), ("DELETE", "/me/sessions/*")),
    "comments:read": (("GET", "/comments"), ("GET", "/comments/*")),
    "comments:write": (("POST", "/comments"), ("DELETE", "/comments/*")),
    "comments:moderate": (("POST", "/comments/*/flags"), ("GET", "/comments/*/history")),
    "users:write": (("POST", "/users"),),
}
FOR_ALL = (("GET", "/me"), ("POST", "/logout"))


def routes(scope: str) -> list[tuple[str, str]]:
    """The methods and paths that the words of `scope` open."""
    return [*FOR_ALL, *(route for word in scope.split() for route in ROUTES.get(word, ()))]


def policy(method_arn: str, scope: str) -> dict[str, object]:
    """The policy document, as AWS's blueprint builds it: the ARN's fixed part and the routes."""
    prefix = "/".join(method_arn.split("/", 2)[:2])
    resources = [f"{prefix}/{method}{path}" for method, path in routes(scope)]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}],
    }
