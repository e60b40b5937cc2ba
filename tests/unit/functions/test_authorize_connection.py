"""The authorizer of $connect: no token means a listener, a valid token identifies a speaker."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.events.authorizer import Unauthorized
from tests.support.handlers import SETTINGS, load_handler
from tests.support.sessions import ALICE
from tests.support.websocket_events import METHOD_ARN, authorize

HANDLER = load_handler("authorize_connection")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SESSION = {"sessionId": "holy-psalm-100"}


@pytest.fixture(autouse=True)
def user_pool_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return the user pool's only key instead of fetching it."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    keys = {"keys": [{**jwk, "kid": "key-1", "alg": "RS256", "use": "sig"}]}
    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", lambda: keys)


def token(**claims: Any) -> str:
    """Return a signed access token of Alice's with some claims replaced."""
    user_pool_id = SETTINGS["USER_POOL_ID"]
    valid_claims = {
        "sub": ALICE,
        "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{user_pool_id}",
        "client_id": SETTINGS["USER_POOL_CLIENT_ID"],
        "token_use": "access",
        "exp": 4_000_000_000,
    }
    return jwt.encode(valid_claims | claims, KEY, "RS256", headers={"kid": "key-1"})


def test_a_client_without_a_token_is_an_anonymous_listener():
    response = HANDLER.handler(authorize({**SESSION, "targetLanguage": "es"}), None)

    assert response["context"] == {"sessionId": "holy-psalm-100", "subject": "", "asks": "listen"}
    assert response["principalId"] == "listener"


@pytest.mark.parametrize("place", ["query", "header"])
def test_a_valid_token_in_the_query_or_in_the_header_identifies_its_speaker(place: str):
    event = (
        authorize({**SESSION, "token": token()})
        if place == "query"
        else authorize(SESSION, {"Authorization": f"Bearer {token()}"})
    )

    response = HANDLER.handler(event, None)

    assert response["context"] == {"sessionId": "holy-psalm-100", "subject": ALICE, "asks": "speak"}
    assert response["policyDocument"]["Statement"][0]["Resource"] == METHOD_ARN


@pytest.mark.parametrize(
    "query",
    [{"token": ""}, {"token": "hello"}, {"token": token(exp=1)}, {"token": token(client_id="another")}],
    ids=["empty", "malformed", "expired", "another client's"],
)
def test_an_invalid_token_is_rejected_and_does_not_make_a_listener(query: dict[str, str]):
    with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        HANDLER.handler(authorize(SESSION | query), None)


def test_an_invalid_token_in_the_query_is_rejected_even_with_a_valid_one_in_the_header():
    event = authorize({**SESSION, "token": "hello"}, {"Authorization": f"Bearer {token()}"})

    with pytest.raises(Unauthorized):
        HANDLER.handler(event, None)


def test_without_a_token_no_key_is_looked_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HANDLER.tokens._keys, "get_signing_key", lambda kid: pytest.fail("looked up"))

    HANDLER.handler(authorize(SESSION), None)


def test_keys_are_fetched_again_after_a_failed_fetch(monkeypatch: pytest.MonkeyPatch):
    fetch = HANDLER.tokens._keys.fetch_data
    event = authorize({**SESSION, "token": token()})
    HANDLER.tokens._keys.jwk_set_cache.put(None)

    def fail() -> None:
        raise jwt.PyJWKClientConnectionError

    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", fail)
    with pytest.raises(jwt.PyJWKClientConnectionError):
        HANDLER.handler(event, None)
    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", fetch)

    assert HANDLER.handler(event, None)["context"]["subject"] == ALICE


def test_the_response_has_the_fields_that_api_gateway_requires():
    response = HANDLER.handler(authorize({**SESSION, "token": token()}), None)

    assert set(json.loads(json.dumps(response))) == {"principalId", "policyDocument", "context"}
    assert {type(value) for value in response["context"].values()} == {str}
