"""The authorizer of $connect: nobody is anybody, a good token somebody, a bad one is refused."""

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
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture(autouse=True)
def known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pool's only key be known already."""
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    keys = {"keys": [{**jwk, "kid": "key-1", "alg": "RS256", "use": "sig"}]}
    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", lambda: keys)


def token(**different: Any) -> str:
    pool = SETTINGS["USER_POOL_ID"]
    claims = {
        "sub": ALICE,
        "iss": f"https://cognito-idp.eu-west-1.amazonaws.com/{pool}",
        "client_id": SETTINGS["USER_POOL_CLIENT_ID"],
        "token_use": "access",
        "exp": 4_000_000_000,
    }
    return jwt.encode(claims | different, KEY, "RS256", headers={"kid": "key-1"})


def test_without_a_token_one_is_an_anonymous_listener():
    answer = HANDLER.handler(authorize(SESSION), None)

    assert answer["context"] == {"sessionId": "holy-psalm-100", "subject": ""}
    assert answer["principalId"] == "listener"


@pytest.mark.parametrize("place", ["query", "header"])
def test_with_a_good_token_one_is_its_subject(place: str):
    event = (
        authorize({**SESSION, "token": token()})
        if place == "query"
        else authorize(SESSION, {"Authorization": f"Bearer {token()}"})
    )

    answer = HANDLER.handler(event, None)

    assert answer["context"] == {"sessionId": "holy-psalm-100", "subject": ALICE}
    assert answer["policyDocument"]["Statement"][0]["Resource"] == METHOD_ARN


@pytest.mark.parametrize(
    "query",
    [{"token": ""}, {"token": "hello"}, {"token": token(exp=1)}, {"token": token(client_id="another")}],
    ids=["empty", "malformed", "expired", "another client's"],
)
def test_a_bad_token_is_refused_and_never_taken_for_none(query: dict[str, str]):
    with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        HANDLER.handler(authorize(SESSION | query), None)


def test_a_bad_token_in_the_query_is_not_saved_by_a_good_header():
    event = authorize({**SESSION, "token": "hello"}, {"Authorization": f"Bearer {token()}"})

    with pytest.raises(Unauthorized):
        HANDLER.handler(event, None)


def test_nobody_is_asked_for_keys_for_who_has_no_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HANDLER.tokens._keys, "get_signing_key", lambda kid: pytest.fail("asked"))

    HANDLER.handler(authorize(SESSION), None)


def test_keys_that_cannot_be_fetched_at_first_refuse_nobody_for_good(monkeypatch: pytest.MonkeyPatch):
    fetch = HANDLER.tokens._keys.fetch_data
    event = authorize({**SESSION, "token": token()})
    HANDLER.tokens._keys.jwk_set_cache.put(None)

    def unreachable() -> None:
        raise jwt.PyJWKClientConnectionError

    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", unreachable)
    with pytest.raises(jwt.PyJWKClientConnectionError):
        HANDLER.handler(event, None)
    monkeypatch.setattr(HANDLER.tokens._keys, "fetch_data", fetch)

    assert HANDLER.handler(event, None)["context"]["subject"] == ALICE


def test_the_answer_is_what_api_gateway_takes():
    answer = HANDLER.handler(authorize({**SESSION, "token": token()}), None)

    assert set(json.loads(json.dumps(answer))) == {"principalId", "policyDocument", "context"}
    assert {type(value) for value in answer["context"].values()} == {str}
