"""The speakers of the local user pool: made when they are first asked for, the same person ever after."""

import contextlib
import re
from typing import TYPE_CHECKING

from scripts import local_system

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

DEMO = "demo"
"""The speaker that the console signs in as."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_PASSWORD = "Known-to-everyone-1"  # noqa: S105 - the pool is in this machine's memory and ends with make run


class BadName(Exception):
    """A speaker cannot be called that."""


def token(name: str, *, aws_url: str, user_pool_id: str, client_id: str) -> str:
    """Return a fresh access token; it lives as long as the pool's client says. Raises BadName."""
    if not _NAME.fullmatch(name):
        raise BadName(
            f"{name!r} is no name for a speaker: 1 to 128 letters, digits and . _ @ + -, the first of them"
            " a letter or digit."
        )
    pool: CognitoIdentityProviderClient = local_system.aws_client("cognito-idp", aws_url)
    _create_unless_known(pool, user_pool_id, name)
    signed_in = pool.admin_initiate_auth(
        UserPoolId=user_pool_id,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": _PASSWORD},
    )
    return signed_in["AuthenticationResult"]["AccessToken"]


def _create_unless_known(pool: "CognitoIdentityProviderClient", user_pool_id: str, name: str) -> None:
    with contextlib.suppress(pool.exceptions.UsernameExistsException):
        pool.admin_create_user(UserPoolId=user_pool_id, Username=name, MessageAction="SUPPRESS")
    # Also for a known speaker: another process may have created them a moment ago and not have got here.
    pool.admin_set_user_password(UserPoolId=user_pool_id, Username=name, Password=_PASSWORD, Permanent=True)
