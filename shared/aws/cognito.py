"""Verifies Cognito's tokens, by RS256 and the user pool's own keys only.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
"""

import os
from typing import Any

import jwt

from shared.errors import AuthenticationRequired

FETCH_TIMEOUT_S = 3
KEYS_LIFESPAN_S = 60 * 60


class TokenVerifier:
    """Accepts the id and access tokens that one user pool has issued to one of its app clients.

    Keys are fetched once and reused. A token with an unknown key id has them fetched again, but at most once
    in half a minute, so that strangers cannot cause a fetch with every request.
    """

    def __init__(self, pool_id: str, client_id: str) -> None:
        host = f"https://cognito-idp.{pool_id.split('_')[0]}.amazonaws.com"
        # The SDK's own variable leads to a local AWS, whose issuer has the real name all the same.
        endpoint = os.environ.get("AWS_ENDPOINT_URL", host)
        self._issuer = f"{host}/{pool_id}"
        self._client_id = client_id
        self._keys = jwt.PyJWKClient(
            f"{endpoint}/{pool_id}/.well-known/jwks.json", lifespan=KEYS_LIFESPAN_S, timeout=FETCH_TIMEOUT_S
        )

    def subject(self, token: str) -> str:
        """Return the `sub` claim of a valid token.

        Raises AuthenticationRequired, and jwt.PyJWKClientConnectionError when the keys cannot be fetched.
        """
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
        # An id token names its client in `aud`, an access token in `client_id`. An access token that is bound
        # to another resource server has that in `aud`, and API Gateway's own authorizer rejects it as well.
        client = claims.get("aud") if claims.get("token_use") == "id" else claims.get("client_id")
        audience = claims.get("aud", client)
        if claims.get("token_use") not in ("id", "access") or not client == audience == self._client_id:
            raise AuthenticationRequired
        # Reject an empty `sub`; otherwise an invalid token would connect as a listener.
        if not claims["sub"]:
            raise AuthenticationRequired
        return str(claims["sub"])
