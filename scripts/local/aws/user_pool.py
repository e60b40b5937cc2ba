"""The local user pool: access tokens of speakers, and the keys that verify them."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from scripts import local_system
from scripts.errors import CommandError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

DEMO_SPEAKER = "demo"
"""The speaker that the console signs in."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
DEMO_PASSWORD = "Known-to-everyone-1"  # noqa: S105 - the pool is in this machine's memory and ends with make run
"""The password of every speaker of the local user pool."""


class InvalidName(CommandError):
    """A speaker cannot have this name."""


@dataclass(frozen=True)
class UserPool:
    """A user pool of the local AWS, and its client."""

    aws_url: str
    id: str
    client_id: str

    def access_token(self, name: str) -> str:
        """Return a new access token of a speaker, who is created if unknown. Raises InvalidName."""
        self.create_speaker(name)
        session = self._cognito().admin_initiate_auth(
            UserPoolId=self.id,
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": DEMO_PASSWORD},
        )
        return session["AuthenticationResult"]["AccessToken"]

    def create_speaker(self, name: str) -> None:
        """Create a speaker with DEMO_PASSWORD, unless there is one of this name. Raises InvalidName."""
        if not _NAME.fullmatch(name):
            raise InvalidName(
                f"{name!r} is not a valid name: use 1 to 128 letters, digits and . _ @ + -, and begin with a"
                " letter or digit."
            )
        cognito = self._cognito()
        with contextlib.suppress(cognito.exceptions.UsernameExistsException):
            cognito.admin_create_user(UserPoolId=self.id, Username=name, MessageAction="SUPPRESS")
        # Also for a known speaker: another process may have created them and not have set the password yet.
        cognito.admin_set_user_password(
            UserPoolId=self.id, Username=name, Password=DEMO_PASSWORD, Permanent=True
        )

    def _cognito(self) -> "CognitoIdentityProviderClient":
        client: CognitoIdentityProviderClient = local_system.aws_client("cognito-idp", self.aws_url)
        return client

    async def fetch_keys(self, issuer: str) -> Mapping[str, Any]:
        """Return the key set of an issuer, from the local AWS: issuers are URLs of AWS. Raises OSError."""
        url = f"{self.aws_url}/{issuer.rpartition('/')[2]}/.well-known/jwks.json"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as client,
                client.get(url, raise_for_status=True) as response,
            ):
                keys: Mapping[str, Any] = await response.json(content_type=None)
                return keys
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise OSError(f"{url}: {problem}") from problem
