"""The authorizer of $connect: a speaker by token, anybody else by none; a bad token is nobody's."""

from shared import settings, websocket_api
from shared.tokens import Tokens

TOKENS = Tokens(settings.text("USER_POOL_ID"), settings.text("USER_POOL_CLIENT_ID"))


@websocket_api.authorizer
def handler(handshake: websocket_api.Handshake) -> str | None:
    return None if handshake.token is None else TOKENS.subject(handshake.token)
