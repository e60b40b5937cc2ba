"""The Lambda authorizer of $connect: the handshake becomes a request, the subject becomes a policy.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import functools
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from shared.errors import AuthenticationRequired
from shared.events.api_gateway import Event, GatewayEvent, log_request, speaker_digest

# A browser can set no header of a handshake but this one, and a token in the URL could be logged by a proxy:
# new WebSocket(url, ["sessions.v1", "bearer.<token>"]). The response must name one of the offered
# subprotocols, which is never the one with the token. https://www.rfc-editor.org/rfc/rfc6455#section-11.3.4
SUBPROTOCOL_HEADER = "Sec-WebSocket-Protocol"
SUBPROTOCOL = "sessions.v1"
BEARER = "bearer."


class Asks(StrEnum):
    """What a handshake asks for. $connect verifies that those who ask to speak own the session."""

    SPEAK = "speak"
    LISTEN = "listen"


class Handshake(GatewayEvent):
    """The client's handshake as it arrived."""

    @property
    def caller(self) -> str | None:
        """Always None: the caller is not authenticated yet."""
        return None

    @property
    def session_id(self) -> str:
        """The query parameter `sessionId`, or an empty string."""
        return str(self._query.get("sessionId") or "")

    @property
    def asks(self) -> Asks:
        """To listen if there is a query parameter `targetLanguage`, whatever it is, otherwise to speak."""
        return Asks.LISTEN if "targetLanguage" in self._query else Asks.SPEAK

    @property
    def token(self) -> str | None:
        """The token of a subprotocol, of the query parameter `token` or of the header Authorization.

        The first one that is there counts, also if it is empty.
        """
        tokens = (name.removeprefix(BEARER) for name in _offered(self.headers) if name.startswith(BEARER))
        if (token := next(tokens, None)) is not None:
            return token
        if "token" in self._query:
            return str(self._query["token"])
        header = next(
            (value for name, value in self.headers.items() if name.lower() == "authorization"), None
        )
        if header is None:
            return None
        # The scheme is case-insensitive (RFC 9110, 11.1); API Gateway's JWT authorizer does not require one.
        scheme, _, token = str(header).strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else str(header)

    @property
    def _query(self) -> Mapping[str, Any]:
        return self.event.get("queryStringParameters") or {}


class Unauthorized(Exception):
    """An authorizer that raises an error with exactly this text makes API Gateway answer 401."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def authorizer(
    authenticate: Callable[[Handshake], str | None],
) -> Callable[[Event, Any], dict[str, Any]]:
    """Make a Lambda authorizer of a function that returns the subject, None for a listener.

    AuthenticationRequired rejects the handshake. The policy allows this one connection. The context is part
    of every later event of the connection: `sessionId`, `subject` (empty for an anonymous caller), `asks`.
    """

    @functools.wraps(authenticate)
    def lambda_handler(event: Event, _context: Any) -> dict[str, Any]:
        handshake = Handshake(event)
        try:
            subject = authenticate(handshake)
        except AuthenticationRequired:
            log_request({"apiRequestId": handshake.id, "route": "authorize $connect", "status": 401})
            raise Unauthorized from None
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
        return {
            "principalId": speaker_digest(subject) if subject else "listener",
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": {
                "sessionId": handshake.session_id,
                "subject": subject or "",
                "asks": handshake.asks.value,
            },
        }

    return lambda_handler


def selected_subprotocol(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the header of a response that selects the service's subprotocol, if the client offers it."""
    return {SUBPROTOCOL_HEADER: SUBPROTOCOL} if SUBPROTOCOL in _offered(headers) else {}


def _offered(headers: Mapping[str, str]) -> list[str]:
    """Return the subprotocols that a client offers, in its order."""
    value = next((value for name, value in headers.items() if name.lower() == SUBPROTOCOL_HEADER.lower()), "")
    return [name for part in str(value).split(",") if (name := part.strip())]
