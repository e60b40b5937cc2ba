"""Who may pass: every wrong token is 401 at every signed-in route, and a stranger's right one is 403.

Tokens are forged with the local pool's own key, so that each fails for its one fault.
"""

import base64
import gzip
import hmac
import json
import time
from collections.abc import Callable
from importlib import resources
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.system.conftest import TIMEOUT_S, Call, System

SIGNED_IN = [("POST", "/sessions"), ("PATCH", None), ("DELETE", None)]
BODIES = {"POST": {"sourceLanguage": "en"}, "PATCH": {"status": "paused"}, "DELETE": None}


def pool_key() -> rsa.RSAPrivateKey:
    """Return the private key of every user pool of moto."""
    packed = resources.files("moto.cognitoidp").joinpath("resources/jwks-private.json.gz").read_bytes()
    key = jwt.PyJWK(json.loads(gzip.decompress(packed)), algorithm="RS256").key
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


KEY = pool_key()
OTHER_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC_PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)

Forge = Callable[..., str]


@pytest.fixture
def forge(alice: str) -> Forge:
    """Return a way to sign Alice's claims with what the test wants different; None takes a claim out."""
    claims = jwt.decode(alice, options={"verify_signature": False})
    kid = jwt.get_unverified_header(alice)["kid"]

    def forge(
        key: Any = KEY, algorithm: str = "RS256", header: dict[str, str] | None = None, **different: Any
    ) -> str:
        said = {name: value for name, value in (claims | different).items() if value is not None}
        return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} | (header or {}))

    return forge


def hs256_signed_with_the_public_key(forge: Forge) -> str:
    # PyJWT refuses to sign so by itself.
    header, claims, _ = forge().split(".")
    decoded = json.loads(base64.urlsafe_b64decode(header + "=="))
    header = base64.urlsafe_b64encode(json.dumps(decoded | {"alg": "HS256"}).encode()).decode().rstrip("=")
    signature = hmac.digest(PUBLIC_PEM, f"{header}.{claims}".encode(), "sha256")
    return f"{header}.{claims}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def with_other_claims(forge: Forge) -> str:
    header, _, signature = forge().split(".")
    return f"{header}.{forge(sub='somebody-else').split('.')[1]}.{signature}"


WRONG: dict[str, Callable[[Forge], str | None]] = {
    "none": lambda forge: None,
    "empty": lambda forge: "",
    "bearer alone": lambda forge: "Bearer ",
    "malformed": lambda forge: "Bearer abc",
    "three dots": lambda forge: "Bearer a.b.c",
    "another scheme": lambda forge: f"Basic {forge()}",
    "expired": lambda forge: f"Bearer {forge(exp=int(time.time()) - 1)}",
    "without an end": lambda forge: f"Bearer {forge(exp=None)}",
    "not yet valid": lambda forge: f"Bearer {forge(nbf=int(time.time()) + 600)}",
    "wrong audience": lambda forge: f"Bearer {forge(client_id='another-client')}",
    "wrong aud before right client": lambda forge: f"Bearer {forge(aud='another-client')}",
    "no audience": lambda forge: f"Bearer {forge(client_id=None)}",
    "wrong issuer": lambda forge: (
        f"Bearer {forge(iss='https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other')}"
    ),
    "no issuer": lambda forge: f"Bearer {forge(iss=None)}",
    "alg none": lambda forge: f"Bearer {forge(key=None, algorithm='none')}",
    "HS256 signed with the public key": lambda forge: f"Bearer {hs256_signed_with_the_public_key(forge)}",
    "another pool's key": lambda forge: f"Bearer {forge(key=OTHER_KEY)}",
    "unknown key": lambda forge: f"Bearer {forge(key=OTHER_KEY, header={'kid': 'other'})}",
    "other claims under the signature": lambda forge: f"Bearer {with_other_claims(forge)}",
    "signature cut off": lambda forge: f"Bearer {forge().rpartition('.')[0]}.",
}


def test_a_token_forged_without_fault_passes(call: Call, forge: Forge, path: str):
    assert call("PATCH", path, token=forge(), json={"status": "paused"}).status_code == 200


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize(("method", "where"), SIGNED_IN, ids=[method for method, _ in SIGNED_IN])
def test_a_wrong_token_is_401_and_changes_nothing(
    call: Call, forge: Forge, session_path: str, method: str, where: str | None, fault: str
):
    header = WRONG[fault](forge)

    answer = call(
        method,
        where or session_path,
        json=BODIES[method],
        headers={} if header is None else {"Authorization": header},
    )

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert call("GET", session_path).json()["status"] == "active"


@pytest.fixture(scope="module")
def session_path(system: System, alice: str) -> str:
    """Open one session for all the tokens that must not change it."""
    answer = requests.post(
        f"{system.url}/sessions",
        json={"sourceLanguage": "en"},
        headers={"Authorization": f"Bearer {alice}"},
        timeout=TIMEOUT_S,
    )
    return answer.headers["Location"]


@pytest.mark.parametrize(("method", "verb"), [("PATCH", "update"), ("DELETE", "delete")])
def test_another_speakers_token_is_403(call: Call, bob: str, session_path: str, method: str, verb: str):
    answer = call(method, session_path, token=bob, json=BODIES[method])

    assert (answer.status_code, answer.json()["code"]) == (403, "NOT_AUTHORIZED")
    assert answer.json()["error"] == f"Not authorized to {verb} this session"
    assert call("GET", session_path).json()["status"] == "active"


def test_reading_needs_no_token_and_minds_none(call: Call, session_path: str):
    assert call("GET", session_path, token="nonsense").status_code == 200
