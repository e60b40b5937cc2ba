"""Tokens that the JWT authorizer accepts, and those that are 401 or 403."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from scripts.local.config.http_api import Route
from tests.unit.scripts.local.conftest import AUTHORIZER, CLIENT_ID, ISSUER, NOW, Pool


def _create(client, url: str, authorization: str | None):
    headers = {} if authorization is None else {"Authorization": authorization}
    return client.post(f"{url}/sessions", headers=headers)


def _encode(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _signed_with_the_public_key(pool: Pool) -> str:
    """An HS256 token whose secret is the PEM of the public key: a careless verifier accepts it."""
    secret = pool.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = {"sub": "a-speaker", "iss": ISSUER, "client_id": CLIENT_ID, "exp": NOW + 60}
    signed = f"{_encode({'alg': 'HS256', 'kid': pool.key_id})}.{_encode(claims)}"
    signature = base64.urlsafe_b64encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest()).rstrip(
        b"="
    )
    return f"{signed}.{signature.decode()}"


REFUSED = {
    "no header": lambda pool: None,
    "empty": lambda pool: "",
    "a scheme alone": lambda pool: "Bearer ",
    "another scheme": lambda pool: f"Basic {pool.token()}",
    "malformed": lambda pool: "Bearer nonsense",
    "three malformed parts": lambda pool: "Bearer a.b.c",
    "not ASCII": lambda pool: "Bearer \xe9.\xe9.\xe9",
    "expired": lambda pool: pool.token(exp=NOW - 1),
    "expiring now": lambda pool: pool.token(exp=NOW),
    "no expiry": lambda pool: pool.token(without=("exp",)),
    "an expiry that is no number": lambda pool: pool.token(nbf="soon"),
    "not valid yet": lambda pool: pool.token(nbf=NOW + 60),
    "issued in the future": lambda pool: pool.token(iat=NOW + 60),
    "another audience": lambda pool: pool.token(aud="another"),
    "another client": lambda pool: pool.token(client_id="another"),
    "neither audience nor client": lambda pool: pool.token(without=("client_id",)),
    "another audience beside the right client": lambda pool: pool.token(aud=["another"], client_id=CLIENT_ID),
    "an audience that is an object": lambda pool: pool.token(aud=[{}]),
    "another issuer": lambda pool: pool.token(
        iss="https://cognito-idp.us-east-1.amazonaws.com/us-east-1_other"
    ),
    "an issuer with a slash more": lambda pool: pool.token(iss=f"{ISSUER}/"),
    "no issuer": lambda pool: pool.token(without=("iss",)),
    "alg none": lambda pool: jwt.encode(
        {"sub": "x", "iss": ISSUER, "client_id": CLIENT_ID, "exp": NOW + 60}, None, algorithm="none"
    ),
    "HS256 with the public key": _signed_with_the_public_key,
    "another key under the same id": lambda pool: Pool(pool.key_id).token(),
    "a key that is not the pool's": lambda pool: Pool("unknown").token(),
    "claims changed after signing": lambda pool: ".".join(
        [
            pool.token().split(".")[0],
            Pool(pool.key_id).token(sub="other").split(".")[1],
            pool.token().split(".")[2],
        ]
    ),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_token_is_unauthorized(url: str, client, functions, pool, make):
    answer = _create(client, url, make(pool))

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert functions.event == {}


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer ", ""])
def test_a_valid_token_is_accepted_with_or_without_its_scheme(url: str, client, pool, prefix: str):
    assert _create(client, url, prefix + pool.token()).status_code == 200


@pytest.mark.parametrize("aud", [CLIENT_ID, ["another", CLIENT_ID]])
def test_an_audience_is_accepted_without_a_client_id(url: str, client, pool, aud):
    assert _create(client, url, pool.token(aud=aud, without=("client_id",))).status_code == 200


def test_the_challenge_for_an_expired_token_gives_the_reason(url: str, client, pool):
    answer = _create(client, url, pool.token(exp=NOW - 1))

    assert answer.headers["www-authenticate"] == (
        'Bearer scope="" error="invalid_token" error_description="the token has expired"'
    )


def test_keys_are_kept_and_fetched_again_for_an_unknown_one(serve, client):
    pool = Pool("first")
    url = serve(keys=pool)
    for _ in range(3):
        assert _create(client, url, pool.token()).status_code == 200
    fetches_at_first = pool.fetches

    pool.key_id = "second"
    rotated = _create(client, url, pool.token())

    assert (fetches_at_first, pool.fetches) == (1, 2)
    assert rotated.status_code == 200


def test_tokens_are_refused_only_while_the_keys_cannot_be_fetched(serve, client):
    pool = Pool()
    url = serve(keys=pool)

    pool.reachable = False
    before = _create(client, url, pool.token())
    pool.reachable = True
    after = _create(client, url, pool.token())

    assert (before.status_code, after.status_code) == (401, 200)


@pytest.mark.parametrize(("scope", "status"), [("read write", 200), ("read", 403), ("", 403)])
def test_a_route_with_scopes_requires_one_of_them(serve, client, pool, functions, scope: str, status: int):
    url = serve((Route("POST", "/sessions", "create", authorizer=AUTHORIZER, scopes=("write", "admin")),))

    answer = _create(client, url, pool.token(scope=scope))

    assert answer.status_code == status
    assert status == 200 or answer.json() == {"message": "Forbidden"}


def test_a_route_without_an_authorizer_ignores_tokens(url: str, client):
    assert client.get(f"{url}/open", headers={"Authorization": "nonsense"}).status_code == 200
