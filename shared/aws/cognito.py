"""Cognito's tokens: who holds one, by RS256 and the pool's own keys alone.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import os
from typing import Any

import jwt

from shared.errors import AuthenticationRequired

FETCH_TIMEOUT_S = 3
KEYS_LIFESPAN_S = 60 * 60


class Tokens:
    """The tokens that one user pool has issued to one of its clients.

    Keys are fetched once and kept from call to call. An unknown key id has them fetched anew, half a minute
    after the last time at the soonest, so that no stranger can make us do so all the time.
    """

    def __init__(self, pool_id: str, client_id: str) -> None:
        host = f"https://cognito-idp.{pool_id.split('_')[0]}.amazonaws.com"
        # The SDK's variable, so that it leads everything to a local AWS; the issuer keeps its name there.
        place = os.environ.get("AWS_ENDPOINT_URL", host)
        self._issuer = f"{host}/{pool_id}"
        self._client_id = client_id
        self._keys = jwt.PyJWKClient(
            f"{place}/{pool_id}/.well-known/jwks.json", lifespan=KEYS_LIFESPAN_S, timeout=FETCH_TIMEOUT_S
        )

    def subject(self, token: str) -> str:
        """The `sub` claim. Raises AuthenticationRequired, and jwt's connection error without keys."""
        try:
            key = self._keys.get_signing_key(str(jwt.get_unverified_header(token).get("kid")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                options={"require": ["exp", "iss", "sub"], "verify_aud": False},
            )
        except jwt.PyJWKClientConnectionError:
            raise
        except (jwt.PyJWTError, UnicodeError):
            raise AuthenticationRequired from None
        # An id token names its client as audience, an access token as client_id. One that is bound to another
        # service has that as its audience besides: API Gateway's own authorizer does not take it either.
        client = claims.get("aud") if claims.get("token_use") == "id" else claims.get("client_id")
        bound_to = claims.get("aud", client)
        if claims.get("token_use") not in ("id", "access") or not client == bound_to == self._client_id:
            raise AuthenticationRequired
        # Nobody's name must not make a listener of a bad token.
        if not claims["sub"]:
            raise AuthenticationRequired
        return str(claims["sub"])
