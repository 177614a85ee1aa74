"""Origins (RFC 6454), issuers (RFC 8414 section 2) and other web addresses of an operator, in one spelling.

Both sides compare them letter by letter, so what is written in another spelling of the same is put right, and what
can never be equal to anything is refused. All raise `ValueError`.
"""

import re

# RFC 3986 §3: scheme, authority, path, query; and nothing that RFC 3986 §2 does not allow in an address.
_ADDRESS = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*)"
    r"(?P<query>\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_HOST, _MAX_PORT = 253, 65_535

# Nobody's page has such an origin; a browser says `null` for it, or nothing.
_NEVER_AN_ORIGIN = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "mailto", "ws", "wss"})


def origin(text: str) -> str:
    """`text` as a browser writes it in `Origin`: `scheme://host`, and the port where it is not the default."""
    scheme, authority, path, query = _parts(text)
    if scheme in _NEVER_AN_ORIGIN or path not in {"", "/"} or query:
        raise ValueError("not an origin")
    return f"{scheme}://{authority}"


def issuer(text: str) -> str:
    """`text` without a slash at its end; no query, no fragment (RFC 8414 §2)."""
    scheme, authority, path, query = _parts(text)
    if scheme not in _DEFAULT_PORTS or query:
        raise ValueError("not an issuer")
    return f"{scheme}://{authority}{path.rstrip('/')}"


def web_address(text: str) -> str:
    """`text` as an address that is fetched over HTTP."""
    scheme, authority, path, query = _parts(text)
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("not HTTP")
    return f"{scheme}://{authority}{path}{query}"


def _parts(text: str) -> tuple[str, str, str, str]:
    """Scheme, authority, path and query, scheme and host in small letters (RFC 3986 §6.2.2.1)."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError("not an address")
    scheme, host = match["scheme"].lower(), _host(match["host"].lower())
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= _MAX_PORT:
        raise ValueError("not a port")
    # RFC 3986 §6.2.3: the default port is left out.
    authority = host if port in {None, _DEFAULT_PORTS.get(scheme)} else f"{host}:{port}"
    return scheme, authority, match["path"], match["query"] or ""


def _host(host: str) -> str:
    labels = host.split(".")
    if host.startswith("["):
        from ipaddress import IPv6Address  # here, so that a gate without such a host starts as fast as ever

        return f"[{IPv6Address(host[1:-1])}]"
    if len(host) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a host")
    if labels[-1].isdecimal():
        from ipaddress import IPv4Address

        return str(IPv4Address(host))
    return host
