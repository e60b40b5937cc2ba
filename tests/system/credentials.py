"""Values of the Authorization header: valid tokens, and forged ones with one fault each.

Forged tokens are signed with the local user pool's own key, so that only their fault can cause a rejection.
"""

import base64
import gzip
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts import local_system

PASSWORD = "Only-for-tests-1"


def _pool_key() -> rsa.RSAPrivateKey:
    """Return the private key of every user pool of moto."""
    packed = resources.files("moto.cognitoidp").joinpath("resources/jwks-private.json.gz").read_bytes()
    key = jwt.PyJWK(json.loads(gzip.decompress(packed)), algorithm="RS256").key
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


KEY = _pool_key()
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass(frozen=True)
class Genuine:
    """Tokens that the local Cognito has issued."""

    access: str
    id: str
    refresh: str
    strangers: str
    other_clients: str
    other_pools: str


def issue(running: local_system.RunningSystem) -> Genuine:
    """Let Cognito issue tokens for two speakers, for another client and for another user pool."""
    cognito: Any = local_system.aws_client("cognito-idp", running.aws_url)

    def client_of(pool: str) -> str:
        response = cognito.create_user_pool_client(UserPoolId=pool, ClientName="another")
        return str(response["UserPoolClient"]["ClientId"])

    def sign_in(pool: str, client: str, name: str) -> dict[str, str]:
        parameters = {"USERNAME": name, "PASSWORD": PASSWORD}
        response = cognito.admin_initiate_auth(
            UserPoolId=pool, ClientId=client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=parameters
        )
        tokens: dict[str, str] = response["AuthenticationResult"]
        return tokens

    def create_user(pool: str, name: str) -> None:
        cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)

    ours, our_client = running.user_pool_id, running.user_pool_client_id
    theirs = cognito.create_user_pool(PoolName="theirs")["UserPool"]["Id"]
    for pool, name in ((ours, "owner"), (ours, "stranger"), (theirs, "owner")):
        create_user(pool, name)
    owner = sign_in(ours, our_client, "owner")
    return Genuine(
        access=owner["AccessToken"],
        id=owner["IdToken"],
        refresh=owner["RefreshToken"],
        strangers=sign_in(ours, our_client, "stranger")["AccessToken"],
        other_clients=sign_in(ours, client_of(ours), "owner")["AccessToken"],
        other_pools=sign_in(theirs, client_of(theirs), "owner")["AccessToken"],
    )


def forge(
    token: str,
    *,
    key: Any = KEY,
    algorithm: str = "RS256",
    header: dict[str, str] | None = None,
    **claims: Any,
) -> str:
    """Return a copy of the token with some claims replaced, signed again; None removes a claim."""
    all_claims = jwt.decode(token, options={"verify_signature": False}) | claims
    present = {name: value for name, value in all_claims.items() if value is not None}
    key_id = {"kid": jwt.get_unverified_header(token)["kid"]}
    return jwt.encode(present, key, algorithm=algorithm, headers=key_id | (header or {}))


def _in(seconds: int) -> int:
    return int(time.time()) + seconds


def _hs256_signed_with_the_public_key(token: str) -> str:
    # PyJWT does not sign with a public key as the secret.
    header, claims, _ = token.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(header + "=="))
    header = base64.urlsafe_b64encode(json.dumps(decoded | {"alg": "HS256"}).encode()).decode().rstrip("=")
    signature = hmac.digest(PUBLIC_PEM, f"{header}.{claims}".encode(), "sha256")
    return f"{header}.{claims}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _with_other_claims(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{forge(token, sub='another-subject').split('.')[1]}.{signature}"


AUTHORIZATION: dict[str, Callable[[Genuine], str | None]] = {
    "no Authorization header": lambda tokens: None,
    "an empty header": lambda tokens: "",
    "`Bearer` without a token": lambda tokens: "Bearer ",
    "`Bearer nonsense`": lambda tokens: "Bearer nonsense",
    "`Bearer a.b.c`": lambda tokens: "Bearer a.b.c",
    "the scheme `Basic`": lambda tokens: f"Basic {tokens.access}",
    "an expired token": lambda tokens: f"Bearer {forge(tokens.access, exp=_in(-1))}",
    "no `exp` claim": lambda tokens: f"Bearer {forge(tokens.access, exp=None)}",
    "`nbf` in the future": lambda tokens: f"Bearer {forge(tokens.access, nbf=_in(600))}",
    "`iat` in the future": lambda tokens: f"Bearer {forge(tokens.access, iat=_in(600))}",
    "another `client_id`": lambda tokens: f"Bearer {forge(tokens.access, client_id='another')}",
    "another `aud`, the right `client_id`": lambda tokens: f"Bearer {forge(tokens.access, aud='another')}",
    "neither `aud` nor `client_id`": lambda tokens: f"Bearer {forge(tokens.access, client_id=None)}",
    "another `iss`": lambda tokens: (
        f"Bearer {forge(tokens.access, iss='https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other')}"
    ),
    "no `iss` claim": lambda tokens: f"Bearer {forge(tokens.access, iss=None)}",
    "no `sub` claim": lambda tokens: f"Bearer {forge(tokens.access, sub=None)}",
    "an empty `sub` claim": lambda tokens: f"Bearer {forge(tokens.access, sub='')}",
    "`alg` is `none`": lambda tokens: f"Bearer {forge(tokens.access, key=None, algorithm='none')}",
    "HS256, signed with the public key": lambda tokens: (
        f"Bearer {_hs256_signed_with_the_public_key(tokens.access)}"
    ),
    "another key under the pool's key id": lambda tokens: f"Bearer {forge(tokens.access, key=OTHER_KEY)}",
    "an unknown key id": lambda tokens: (
        f"Bearer {forge(tokens.access, key=OTHER_KEY, header={'kid': 'other'})}"
    ),
    "claims changed after signing": lambda tokens: f"Bearer {_with_other_claims(tokens.access)}",
    "the signature removed": lambda tokens: f"Bearer {tokens.access.rpartition('.')[0]}.",
    "a refresh token": lambda tokens: f"Bearer {tokens.refresh}",
    "another client's access token": lambda tokens: f"Bearer {tokens.other_clients}",
    "another pool's access token": lambda tokens: f"Bearer {tokens.other_pools}",
    "another speaker's access token": lambda tokens: f"Bearer {tokens.strangers}",
    "the owner's access token": lambda tokens: f"Bearer {tokens.access}",
    "the owner's id token": lambda tokens: f"Bearer {tokens.id}",
    "the owner's access token, scheme `bearer`": lambda tokens: f"bearer {tokens.access}",
    "the owner's access token, no scheme": lambda tokens: tokens.access,
    "a copy of the owner's access token, signed anew": lambda tokens: f"Bearer {forge(tokens.access)}",
}
"""The Authorization header of each caller; None is no header."""
