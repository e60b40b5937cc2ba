"""What the authorizer uses, built once from its settings: apart, for it needs no SDK."""

from functools import cache

from shared import settings
from shared.aws.cognito import Tokens


@cache
def tokens() -> Tokens:
    """The tokens of USER_POOL_ID for USER_POOL_CLIENT_ID."""
    return Tokens(settings.text("USER_POOL_ID"), settings.text("USER_POOL_CLIENT_ID"))
