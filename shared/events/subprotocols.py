"""The WebSocket subprotocols that a client offers: the service's own, and one that has its token.

A browser can set no header of a handshake but this one, and a token in the URL could be logged by a proxy:
new WebSocket(url, ["sessions.v1", "bearer.<token>"]). The response must name one of the offered subprotocols,
which is never the one with the token.
https://www.rfc-editor.org/rfc/rfc6455#section-11.3.4
"""

from collections.abc import Mapping

SESSIONS = "sessions.v1"
HEADER = "Sec-WebSocket-Protocol"

_BEARER = "bearer."


def offered(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocols that the client offers, in its order."""
    value = next((value for name, value in headers.items() if name.lower() == HEADER.lower()), "")
    return [name for part in str(value).split(",") if (name := part.strip())]


def token(headers: Mapping[str, str]) -> str | None:
    """Return the token of the subprotocol `bearer.<token>`, None if none is offered."""
    tokens = (name.removeprefix(_BEARER) for name in offered(headers) if name.startswith(_BEARER))
    return next(tokens, None)
