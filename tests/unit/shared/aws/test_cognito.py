"""Cognito's tokens: which are whose, which are nobody's, and how often the pool is asked for its keys.

A server on 127.0.0.1 plays the pool.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import jwt
import pytest
import pytest_socket
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.aws import cognito
from shared.aws.cognito import TokenVerifier
from shared.errors import AuthenticationRequired
from tests.support.sessions import ALICE

POOL = "eu-west-1_AbCdEfGhI"
CLIENT = "3n4b5urk1ft4fl3mg5e62d9ado"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"
FUNCTION_TIMEOUT_S = 10


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Let this module's tests reach this machine, and nothing else."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str) -> dict[str, Any]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**jwk, "kid": name, "alg": "RS256", "use": "sig"}


def claims(**different: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {
        "sub": ALICE,
        "iss": ISSUER,
        "aud": CLIENT,
        "token_use": "id",
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
    }
    return {name: value for name, value in (usual | different).items() if value is not None}


def signed(key: str = "key-1", *, kid: str | None = None, **different: Any) -> str:
    """Return a token as Cognito makes it, with what the test wants different; None leaves a claim out."""
    return jwt.encode(claims(**different), private_key(key), "RS256", headers={"kid": kid or key})


def access(**different: Any) -> str:
    return signed(**{"token_use": "access", "aud": None, "client_id": CLIENT} | different)


def b64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def headed(**header: object) -> str:
    """Return the first two parts of a token, with this header and good claims."""
    return ".".join(b64(json.dumps(part).encode()) for part in (header, claims()))


def signed_with_the_public_key() -> str:
    """Return a token signed by HMAC, with the public key that everybody knows as the secret."""
    secret = private_key("key-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message = headed(alg="HS256", kid="key-1", typ="JWT")
    return f"{message}.{b64(hmac.digest(secret, message.encode(), hashlib.sha256))}"


class PoolServer(ThreadingHTTPServer):
    """Serves the pool's keys, and counts how often."""

    daemon_threads = True
    block_on_close: ClassVar[bool] = False
    asked = 0
    keys: tuple[str, ...] = ("key-1", "key-2")
    answer: Callable[[BaseHTTPRequestHandler], None] | None = None

    def handle_error(self, *_: object) -> None:
        """Take it quietly when the client has gone."""


class PoolHandler(BaseHTTPRequestHandler):
    """Answers with the keys of its server, or as that says."""

    server: PoolServer

    def do_GET(self) -> None:
        self.server.asked += 1
        assert self.path == f"/{POOL}/.well-known/jwks.json"
        if self.server.answer:
            self.server.answer(self)
        else:
            respond(self, 200, json.dumps({"keys": [public_jwk(key) for key in self.server.keys]}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def respond(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[PoolServer]:
    with PoolServer(("127.0.0.1", 0), PoolHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


@pytest.fixture
def held(pool: PoolServer) -> TokenVerifier:
    return TokenVerifier(POOL, CLIENT)


# whose a token is


@pytest.mark.parametrize("token", [signed, access], ids=["id token", "access token"])
def test_a_good_token_is_its_subjects(held: TokenVerifier, token: Callable[[], str]):
    assert held.subject(token()) == ALICE


def test_either_of_the_pools_keys_is_good(held: TokenVerifier):
    assert {held.subject(signed(key)) for key in ("key-1", "key-2")} == {ALICE}


NOBODYS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token": lambda: "hello",
    "two dots": lambda: "..",
    "no base64": lambda: "!.!.!",
    "no json": lambda: f"{b64(b'x')}.{b64(b'y')}.{b64(b'z')}",
    "a list for a header": lambda: f"{b64(b'[]')}.{b64(b'{}')}.x",
    "a number for a key id": lambda: headed(alg="RS256", kid=7) + ".x",
    "a list for an algorithm": lambda: headed(alg=["RS256"], kid="key-1") + ".x",
    "nothing but depth": lambda: f"{b64(b'[' * 100_000)}.{b64(b'{}')}.x",
    "half a surrogate pair": lambda: "\ud83d.a.b",
    "beyond ascii": lambda: "é.ü.ß",
    "zero bytes": lambda: "\0.\0.\0",
    "very long": lambda: "x" * 100_000,
    "cut off": lambda: signed()[:-3],
    "changed": lambda: _with_another_subject(signed()),
    "unsigned": lambda: headed(alg="none", kid="key-1") + ".",
    "signed with the public key as a secret": signed_with_the_public_key,
    "another algorithm": lambda: jwt.encode(
        claims(), private_key("key-1"), "RS512", headers={"kid": "key-1"}
    ),
    "no key id": lambda: jwt.encode(claims(), private_key("key-1"), "RS256"),
    "another pool's key": lambda: signed("stranger"),
    "another pool's key by our key's name": lambda: signed("stranger", kid="key-1"),
    "our other key": lambda: signed("key-2", kid="key-1"),
    "expired": lambda: signed(exp=int(time.time()) - 1),
    "without expiry": lambda: signed(exp=None),
    "an expiry that is no number": lambda: signed(exp="tomorrow"),
    "not yet": lambda: signed(nbf=int(time.time()) + 600),
    "another pool": lambda: signed(iss=ISSUER[:-1] + "X"),
    "without issuer": lambda: signed(iss=None),
    "another client": lambda: signed(aud="another"),
    "a list of clients": lambda: signed(aud=[CLIENT, "another"]),
    "without client": lambda: signed(aud=None),
    "another client's access token": lambda: access(client_id="another"),
    "an access token with an audience": lambda: access(client_id=None, aud=CLIENT),
    "an access token bound to another service": lambda: access(aud="another"),
    "an id token with a client id": lambda: signed(aud=None, client_id=CLIENT),
    "without use": lambda: signed(token_use=None),
    "another use": lambda: signed(token_use="refresh"),
    "without subject": lambda: signed(sub=None),
    "an empty subject": lambda: signed(sub=""),
}


def _with_another_subject(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{b64(json.dumps(claims(sub='mallory')).encode())}.{signature}"


@pytest.mark.parametrize("name", NOBODYS)
def test_a_bad_token_is_nobodys(held: TokenVerifier, name: str):
    with pytest.raises(AuthenticationRequired):
        held.subject(NOBODYS[name]())


# the pool's keys


def test_the_pool_is_not_asked_before_a_token_comes(pool: PoolServer):
    TokenVerifier(POOL, CLIENT)

    assert pool.asked == 0


def test_keys_are_fetched_once(pool: PoolServer, held: TokenVerifier):
    for key in ("key-1", "key-2") * 5:
        held.subject(signed(key))

    assert pool.asked == 1


def test_a_new_key_is_fetched_when_a_token_names_it(
    pool: PoolServer, held: TokenVerifier, monkeypatch: pytest.MonkeyPatch
):
    held.subject(signed())
    pool.keys = ("key-2", "key-3")
    later(monkeypatch, seconds=31)

    assert held.subject(signed("key-3")) == ALICE
    assert pool.asked == 2


def test_a_key_that_the_pool_has_withdrawn_is_good_no_more_after_an_hour(
    pool: PoolServer, held: TokenVerifier, monkeypatch: pytest.MonkeyPatch
):
    held.subject(signed())
    pool.keys = ("key-2",)
    later(monkeypatch, seconds=cognito.KEYS_LIFESPAN_S + 1)

    with pytest.raises(AuthenticationRequired):
        held.subject(signed())


def test_strangers_keys_do_not_make_us_ask_all_the_time(pool: PoolServer, held: TokenVerifier):
    for number in range(20):
        with pytest.raises(AuthenticationRequired):
            held.subject(signed("stranger", kid=f"unheard-{number}"))

    assert pool.asked == 1


def test_what_is_no_token_does_not_make_us_ask(pool: PoolServer, held: TokenVerifier):
    for token in ("", "hello", "..", "a.b.c"):
        with pytest.raises(AuthenticationRequired):
            held.subject(token)

    assert pool.asked == 0


def refuse(request: BaseHTTPRequestHandler) -> None:
    respond(request, 503, b"")


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def send_garbage(request: BaseHTTPRequestHandler) -> None:
    respond(request, 200, b"<html>")


@pytest.mark.parametrize("fault", [refuse, hang_up, send_garbage])
def test_a_pool_that_is_not_there_is_a_fault_of_ours_and_asked_again(
    pool: PoolServer, held: TokenVerifier, fault: Callable[[BaseHTTPRequestHandler], None]
):
    pool.answer = fault
    with pytest.raises(Exception) as met:  # whatever it is, it is no refusal
        held.subject(signed())
    pool.answer = None

    assert not isinstance(met.value, AuthenticationRequired)
    assert held.subject(signed()) == ALICE


def test_a_pool_that_says_nothing_is_given_up_within_the_functions_time(
    pool: PoolServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cognito, "FETCH_TIMEOUT_S", 0.2)
    pool.answer = lambda request: time.sleep(5)
    started = time.monotonic()

    with pytest.raises(jwt.PyJWKClientConnectionError):
        TokenVerifier(POOL, CLIENT).subject(signed())

    assert time.monotonic() - started < 2


def test_the_time_for_keys_fits_into_the_functions_time():
    assert 2 * cognito.FETCH_TIMEOUT_S < FUNCTION_TIMEOUT_S


def later(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Let time pass for the client of keys."""
    now = time.monotonic()
    monkeypatch.setattr("jwt.jwks_client.time.monotonic", lambda: now + seconds)
