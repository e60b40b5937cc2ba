"""The authorizer of $connect: a valid token identifies a speaker, no token means a listener."""

from shared import settings, startup
from shared.aws.cognito import TokenVerifier
from shared.events.authorizer import Handshake, authorizer

tokens = TokenVerifier(settings.text("USER_POOL_ID"), settings.text("USER_POOL_CLIENT_ID"))
startup.finish_init()


@authorizer
def handler(handshake: Handshake) -> str | None:
    return None if handshake.token is None else tokens.subject(handshake.token)
