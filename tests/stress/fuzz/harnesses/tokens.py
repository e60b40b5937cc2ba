"""Tokens: only a token that the pool has signed for this client, unchanged, has a subject."""

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
from tests.stress.fuzz.harnesses.strings import edited, string

POOL, CLIENT = "eu-west-1_AbCdEfGhI", "3n4b5urk1ft4fl3mg5e62d9ado"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
SUBJECT = "02b5e4c4-70a1-70ec-1d3f-9f5a0f6d2c55"
DAY_S = 24 * 60 * 60
POOL_SIGNED = {0: "key-1", 1: "key-2", 7: "key-1"}
"""The indexes of the headers below that the pool signs, and the key."""


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """Return a key pair by name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def pool() -> TokenVerifier:
    """Return the code under test with the pool's keys in its cache, so that it fetches nothing."""
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
    """Verify an edited token that the pool or others have signed; verify arbitrary strings too."""
    assert _subject(string(data)) is None
    how, which, length = (data[:3] + b"\0\0\0")[:3]
    edits, rest = data[3 : 3 + length % 16], data[3 + length % 16 :]
    claims, valid_claims = _claims(which, rest)
    header, pool_signed = _header(how, rest)

    signed = _base64(header) + "." + _base64(claims)
    token = signed + "." + _base64(_signature(how, signed.encode()))
    sent = edited(token, edits)

    valid = pool_signed and valid_claims and sent == token
    assert (_subject(sent) is not None) == valid, (header, claims)


def _claims(which: int, rest: bytes) -> tuple[bytes, bool]:
    """Return claims, and whether they identify a speaker if the pool has signed them."""
    now = int(time.time())
    as_id = {"token_use": "id", "aud": CLIENT}
    as_access = {"token_use": "access", "client_id": CLIENT}
    valid: dict[str, Any] = {"sub": SUBJECT, "iss": ISSUER, "iat": now, "exp": now + DAY_S}
    valid |= as_access if which & 1 else as_id
    faults: list[dict[str, Any]] = [
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
    if kind < len(faults):
        claims = {name: value for name, value in (valid | faults[kind]).items() if value is not None}
        return json.dumps(claims).encode(), kind == 0
    return rest, False  # the pool never signs arbitrary claims


def _header(how: int, rest: bytes) -> tuple[bytes, bool]:
    """Return a header, and whether its signature is the pool's."""
    headers: list[dict[str, Any]] = [
        {"kid": "key-1", "alg": "RS256"},
        {"kid": "key-2", "alg": "RS256"},
        {"kid": "key-1", "alg": "RS256"},  # signed with another key
        {"kid": "unknown", "alg": "RS256"},
        {"kid": "key-1", "alg": "none"},
        {"kid": "key-1", "alg": "HS256"},  # with the public key as secret
        {"alg": "RS256"},
        {"kid": "key-1", "alg": "RS256", "jwk": {"kty": "RSA"}, "jku": "https://example.com"},
        {"kid": "key-1", "alg": "RS384"},
    ]
    if how < len(headers):
        return json.dumps(headers[how]).encode(), how in POOL_SIGNED
    return rest, False  # signed with another key


def _signature(how: int, signed: bytes) -> bytes:
    if how == 4:
        return b""
    if how == 5:
        public = key("key-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return hmac.digest(public, signed, hashlib.sha256)
    name = POOL_SIGNED.get(how, "another pool's")
    return jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(signed, key(name))


def _subject(token: str) -> str | None:
    try:
        return pool().subject(token)
    except AuthenticationRequired:
        return None


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
