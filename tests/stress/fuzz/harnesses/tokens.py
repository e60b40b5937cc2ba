"""TokenVerifier: one that the pool has signed for this client is its speaker's, all else is nobody's."""

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.aws.cognito import TokenVerifier
from shared.errors import AuthenticationRequired
from tests.stress.fuzz.harnesses.pieces import edited, text

POOL, CLIENT = "eu-west-1_AbCdEfGhI", "3n4b5urk1ft4fl3mg5e62d9ado"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
SUBJECT = "02b5e4c4-70a1-70ec-1d3f-9f5a0f6d2c55"
DAY_S = 24 * 60 * 60
POOLS = {0: "key-1", 1: "key-2", 7: "key-1"}
"""Which of the headers below come with a signature of the pool's, by which key."""


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Make a key pair of the pool's, or of a stranger's."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pool() -> TokenVerifier:
    """Build what is tested, with the pool's keys at hand: nothing is fetched."""
    tokens = TokenVerifier(POOL, CLIENT)
    algorithm = jwt.algorithms.RSAAlgorithm
    keys = [
        {**algorithm.to_jwk(key(name).public_key(), as_dict=True), "kid": name, "alg": "RS256", "use": "sig"}
        for name in ("key-1", "key-2")
    ]
    tokens._keys.fetch_data = lambda: {"keys": keys}  # type: ignore[method-assign]
    tokens._keys.jwk_set_cache.put({"keys": keys})
    return tokens


def check(data: bytes) -> None:
    """Sign claims as the pool or others would, spoil the token, ask whose it is; ask of any text too."""
    assert _subject(text(data)) is None
    how, which, length = (data[:3] + b"\0\0\0")[:3]
    edits, rest = data[3 : 3 + length % 16], data[3 + length % 16 :]
    claims, good = _claims(which, rest)
    header, genuine = _header(how, rest)

    signed = _base64(header) + "." + _base64(claims)
    token = signed + "." + _base64(_signature(how, signed.encode()))
    given = edited(token, edits)

    assert (_subject(given) is not None) == (genuine and good and given == token), (header, claims)


def _claims(which: int, rest: bytes) -> tuple[bytes, bool]:
    """Return claims, and whether the pool's signature would make them a speaker's."""
    now = int(time.time())
    as_id = {"token_use": "id", "aud": CLIENT}
    as_access = {"token_use": "access", "client_id": CLIENT}
    usual: dict[str, Any] = {"sub": SUBJECT, "iss": ISSUER, "iat": now, "exp": now + DAY_S}
    usual |= as_access if which & 1 else as_id
    bad: list[dict[str, Any]] = [
        {},
        {"exp": now - DAY_S},
        {"iss": ISSUER + "x"},
        {"aud": "another", "client_id": "another"},
        {"token_use": "refresh"},
        {"sub": ""},
        {"nbf": now + DAY_S},
        {"aud": None, "client_id": None},
        {"exp": None},
        {"sub": None},
        {"iss": None},
        {"sub": [SUBJECT]},
        {"exp": "soon"},
        {"iss": [ISSUER]},
        {"token_use": "access" if which & 1 == 0 else "id"},
    ]
    kind = which >> 1
    if kind < len(bad):
        claims = {name: value for name, value in (usual | bad[kind]).items() if value is not None}
        return json.dumps(claims).encode(), kind == 0
    return rest, False  # no claims of ours: the pool signs none such, and nobody else can


def _header(how: int, rest: bytes) -> tuple[bytes, bool]:
    """Return a header, and whether the signature that goes with it is the pool's."""
    headers: list[dict[str, Any]] = [
        {"kid": "key-1", "alg": "RS256"},
        {"kid": "key-2", "alg": "RS256"},
        {"kid": "key-1", "alg": "RS256"},  # signed by a stranger
        {"kid": "nobody's", "alg": "RS256"},
        {"kid": "key-1", "alg": "none"},
        {"kid": "key-1", "alg": "HS256"},  # with the public key for a secret
        {"alg": "RS256"},
        {"kid": "key-1", "alg": "RS256", "jwk": {"kty": "RSA"}, "jku": "https://example.com"},
        {"kid": "key-1", "alg": "RS384"},
    ]
    if how < len(headers):
        return json.dumps(headers[how]).encode(), how in POOLS
    return rest, False  # by a stranger


def _signature(how: int, signed: bytes) -> bytes:
    if how == 4:
        return b""
    if how == 5:
        public = key("key-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hmac.digest(public, signed, hashlib.sha256)
    name = POOLS.get(how, "a stranger's")
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(signed, key(name))


def _subject(token: str) -> str | None:
    try:
        return pool().subject(token)
    except AuthenticationRequired:
        return None


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
