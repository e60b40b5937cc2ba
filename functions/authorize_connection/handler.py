"""The authorizer of $connect: a speaker by token, anybody else by none; a bad token is nobody's."""

from shared import wiring_tokens
from shared.events import websocket_api

TOKENS = wiring_tokens.tokens()


@websocket_api.authorizer
def handler(handshake: websocket_api.Handshake) -> str | None:
    return None if handshake.token is None else TOKENS.subject(handshake.token)
