"""The JWT authorizer of an HTTP API: which tokens it accepts, and the claims that the function gets.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import jwt

from scripts.local.config.http_api import JwtAuthorizer
from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.http_exchange import HttpExchange

if TYPE_CHECKING:
    from jwt.types import Options

FetchKeys = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Fetches the JSON Web Key Set of an issuer. Raises OSError when that fails."""

# The claims are checked here, in API Gateway's order and by a clock that tests can set.
_SIGNATURE_ONLY: "Options" = {
    "verify_aud": False,
    "verify_iss": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class Unauthorized(Exception):
    """The token is missing or invalid; the message is the `error_description` of the challenge."""


class JwtVerifier:
    """Verifies tokens. It keeps issuers' keys, and fetches them again when a token names an unknown one."""

    def __init__(self, fetch_keys: FetchKeys) -> None:
        self._fetch_keys = fetch_keys
        self._keys: dict[tuple[str, str], jwt.PyJWK] = {}

    async def authorize(self, exchange: HttpExchange) -> None:
        """Verify the token, if the route has an authorizer; 401 or 403 when it is not accepted."""
        route = exchange.route
        if route.authorizer is None:
            return
        try:
            token = _bearer_token(exchange.received.header(route.authorizer.header))
            claims = await self._signed_claims(token, route.authorizer.issuer)
            _check(claims, route.authorizer, exchange.at)
        except Unauthorized as refusal:
            reason = str(refusal)
            exchange.log["authorizer.error"] = reason or "there is no token"
            details = f' scope="" error="invalid_token" error_description="{reason}"' if reason else ""
            raise GatewayError(
                401, "Unauthorized", headers={"www-authenticate": f"Bearer{details}"}
            ) from None
        granted = str(claims.get("scope", claims.get("scp", ""))).split()
        if route.scopes and set(route.scopes).isdisjoint(granted):
            challenge = f'Bearer scope="{" ".join(route.scopes)}" error="insufficient_scope"'
            raise GatewayError(403, "Forbidden", headers={"www-authenticate": challenge})
        strings = {name: _as_string(value) for name, value in claims.items()}
        exchange.authorizer = {"jwt": {"claims": strings, "scopes": list(route.scopes) or None}}

    async def _signed_claims(self, token: str, issuer: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthorized("the token is not a JSON Web Token") from None
        if header.get("alg") != "RS256":
            raise Unauthorized("the token's signing algorithm is not supported")
        key = await self._key(issuer, str(header.get("kid", "")))
        try:
            return jwt.decode(token, key, algorithms=["RS256"], options=_SIGNATURE_ONLY)
        except jwt.PyJWTError:
            raise Unauthorized("the token's signature is invalid") from None

    async def _key(self, issuer: str, key_id: str) -> jwt.PyJWK:
        if (issuer, key_id) not in self._keys:
            try:
                key_set = jwt.PyJWKSet.from_dict(dict(await self._fetch_keys(issuer)))
            except (OSError, jwt.PyJWTError):
                raise Unauthorized("OIDC discovery endpoint communication error") from None
            self._keys.update({(issuer, key.key_id or ""): key for key in key_set.keys})
        try:
            return self._keys[issuer, key_id]
        except KeyError:
            raise Unauthorized("the token's key is not one of the issuer's") from None


def _bearer_token(header: str | None) -> str:
    """Return the token of an identity source, which may leave out `Bearer`."""
    scheme, _, token = (header or "").rpartition(" ")
    if not header or not token.isascii() or scheme.lower() not in ("", "bearer"):
        raise Unauthorized
    return token


def _check(claims: Mapping[str, Any], authorizer: JwtAuthorizer, now: float) -> None:
    if claims.get("iss") != authorizer.issuer:
        raise Unauthorized("the token does not have a valid issuer")
    # Access tokens of Cognito have no aud; client_id is checked only where aud is absent.
    audience = claims.get("aud", claims.get("client_id"))
    audiences = audience if isinstance(audience, list) else [audience]
    if not any(one in authorizer.audience for one in audiences):
        raise Unauthorized("the token does not have a valid audience")
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if "exp" not in times or not all(type(time) in (int, float) for time in times.values()):
        raise Unauthorized("the token has no valid times")
    if now >= times["exp"]:
        raise Unauthorized("the token has expired")
    if now < times.get("nbf", 0) or now < times.get("iat", 0):
        raise Unauthorized("the token is not valid yet")


def _as_string(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{' '.join(map(_as_string, value))}]"
        case _:
            return str(value)
