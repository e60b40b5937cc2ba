"""The JWT authorizer of an HTTP API: who may pass, and the claims that the function is given.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from jwt.types import Options

    from scripts.local.config.http_api import JwtAuthorizer

FetchKeys = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Gets the JSON Web Key Set of an issuer. Raises OSError when it cannot be had."""


# The claims are compared here, as API Gateway does and under a clock that tests can move.
_SIGNATURE_ALONE: "Options" = {
    "verify_aud": False,
    "verify_iss": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class Unauthorized(Exception):
    """The caller did not say who they are; `challenge` is the `www-authenticate` header."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        details = f' scope="" error="invalid_token" error_description="{reason}"' if reason else ""
        self.challenge = f"Bearer{details}"


class Forbidden(Exception):
    """The token is good, but holds none of the scopes that the route asks for."""


class KeyStore:
    """The public keys of issuers, kept, and fetched again when a token names a key that is not known."""

    def __init__(self, fetch: FetchKeys) -> None:
        self._fetch = fetch
        self._keys: dict[tuple[str, str], jwt.PyJWK] = {}

    async def key(self, issuer: str, key_id: str) -> jwt.PyJWK:
        """Return one key. Raises Unauthorized when the issuer has no such key or cannot be asked."""
        if (issuer, key_id) not in self._keys:
            try:
                found = jwt.PyJWKSet.from_dict(dict(await self._fetch(issuer)))
            except (OSError, jwt.PyJWTError):
                raise Unauthorized("OIDC discovery endpoint communication error") from None
            self._keys.update({(issuer, key.key_id or ""): key for key in found.keys})
        try:
            return self._keys[issuer, key_id]
        except KeyError:
            raise Unauthorized("the token's key is not one of the issuer's") from None


async def claims(
    authorizer: "JwtAuthorizer",
    header: str | None,
    *,
    keys: KeyStore,
    now: float,
    scopes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the claims of a token that passes; `header` is the identity source, `now` in epoch seconds.

    Raises Unauthorized or Forbidden.
    """
    if not header:
        raise Unauthorized
    scheme, _, token = header.rpartition(" ")
    if not token.isascii() or scheme.lower() not in ("", "bearer"):
        raise Unauthorized
    said = await _verified(token, authorizer.issuer, keys)
    if said.get("iss") != authorizer.issuer:
        raise Unauthorized("the token does not have a valid issuer")
    # Cognito's access tokens have no aud, so the client_id is looked at when aud is not there.
    audience = said.get("aud", said.get("client_id"))
    if not any(
        one in authorizer.audience for one in (audience if isinstance(audience, list) else [audience])
    ):
        raise Unauthorized("the token does not have a valid audience")
    _check_times(said, now)
    if scopes and set(scopes).isdisjoint(str(said.get("scope", said.get("scp", ""))).split()):
        raise Forbidden
    return said


async def _verified(token: str, issuer: str, keys: KeyStore) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Unauthorized("the token is not a JSON Web Token") from None
    if header.get("alg") != "RS256":
        raise Unauthorized("the token's signing algorithm is not supported")
    key = await keys.key(issuer, str(header.get("kid", "")))
    try:
        return jwt.decode(token, key, algorithms=["RS256"], options=_SIGNATURE_ALONE)
    except jwt.PyJWTError:
        raise Unauthorized("the token's signature is invalid") from None


def _check_times(said: Mapping[str, Any], now: float) -> None:
    times = {name: said[name] for name in ("exp", "nbf", "iat") if name in said}
    if "exp" not in times or not all(type(time) in (int, float) for time in times.values()):
        raise Unauthorized("the token has no valid times")
    if now >= times["exp"]:
        raise Unauthorized("the token has expired")
    if now < times.get("nbf", 0) or now < times.get("iat", 0):
        raise Unauthorized("the token is not valid yet")


def as_context(said: Mapping[str, Any], scopes: tuple[str, ...]) -> dict[str, Any]:
    """Return what the function finds as `requestContext.authorizer`: every claim as a string."""
    return {
        "jwt": {
            "claims": {name: _as_string(value) for name, value in said.items()},
            "scopes": list(scopes) or None,
        }
    }


def _as_string(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{' '.join(map(_as_string, value))}]"
        case _:
            return str(value)
