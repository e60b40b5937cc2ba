"""Tokens of Cognito: which are accepted, and when the user pool's keys are fetched.

A server on 127.0.0.1 stands in for the user pool.
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
from types import SimpleNamespace
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

POOL_ID = "eu-west-1_AbCdEfGhI"
CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}"
FUNCTION_TIMEOUT_S = 10


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Allow sockets to this machine only."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str) -> dict[str, Any]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**jwk, "kid": name, "alg": "RS256", "use": "sig"}


def claims(**overrides: Any) -> dict[str, Any]:
    now = int(time.time())
    values = {
        "sub": ALICE,
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "token_use": "id",
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
    }
    return {name: value for name, value in (values | overrides).items() if value is not None}


def id_token(key: str = "key-1", *, kid: str | None = None, **overrides: Any) -> str:
    """Return an id token as Cognito issues it, with these claims replaced; None removes a claim."""
    return jwt.encode(claims(**overrides), private_key(key), "RS256", headers={"kid": kid or key})


def access_token(**overrides: Any) -> str:
    return id_token(**{"token_use": "access", "aud": None, "client_id": CLIENT_ID} | overrides)


def b64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def unsigned(**header: object) -> str:
    """Return the first two parts of a token, with this header and valid claims."""
    return ".".join(b64(json.dumps(part).encode()) for part in (header, claims()))


def signed_with_the_public_key() -> str:
    """Return a token signed by HMAC with the public key as its secret, which everybody knows."""
    secret = private_key("key-1").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message = unsigned(alg="HS256", kid="key-1", typ="JWT")
    return f"{message}.{b64(hmac.digest(secret, message.encode(), hashlib.sha256))}"


class UserPool(ThreadingHTTPServer):
    """Serves the pool's public keys, or responds by `respond`, and counts the requests."""

    daemon_threads = True
    block_on_close: ClassVar[bool] = False
    requests = 0
    keys: tuple[str, ...] = ("key-1", "key-2")
    respond: Callable[[BaseHTTPRequestHandler], None] | None = None

    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(key) for key in self.keys]}

    def handle_error(self, *_: object) -> None:
        """Ignore clients that have closed their connection."""


class UserPoolHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: UserPool

    def do_GET(self) -> None:
        self.server.requests += 1
        assert self.path == f"/{POOL_ID}/.well-known/jwks.json"
        if self.server.respond:
            self.server.respond(self)
        else:
            send(self, 200, json.dumps(self.server.jwks()).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def send(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[UserPool]:
    # On a busy machine a response takes long: the server generates the keys.
    monkeypatch.setattr(cognito, "FETCH_TIMEOUT_S", 60)
    with UserPool(("127.0.0.1", 0), UserPoolHandler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stop the clock by which PyJWT's client of keys measures their age. Tests advance its `seconds`."""
    clock = SimpleNamespace(seconds=1000)
    for module in ("jwks_client", "jwk_set_cache", "api_jwk"):
        monkeypatch.setattr(f"jwt.{module}.time", SimpleNamespace(monotonic=lambda: clock.seconds))
    return clock


@pytest.fixture
def verifier(pool: UserPool, clock: SimpleNamespace) -> TokenVerifier:
    return TokenVerifier(POOL_ID, CLIENT_ID)


# which tokens are accepted


@pytest.mark.parametrize("token", [id_token, access_token], ids=["id token", "access token"])
def test_the_subject_of_a_valid_token_is_returned(verifier: TokenVerifier, token: Callable[[], str]):
    assert verifier.subject(token()) == ALICE


def test_every_key_of_the_pool_is_accepted(verifier: TokenVerifier):
    assert {verifier.subject(id_token(key)) for key in ("key-1", "key-2")} == {ALICE}


def with_another_subject(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{b64(json.dumps(claims(sub='mallory')).encode())}.{signature}"


INVALID_TOKENS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token": lambda: "hello",
    "only two dots": lambda: "..",
    "not base64": lambda: "!.!.!",
    "not JSON": lambda: f"{b64(b'x')}.{b64(b'y')}.{b64(b'z')}",
    "header is a list": lambda: f"{b64(b'[]')}.{b64(b'{}')}.x",
    "key id is a number": lambda: unsigned(alg="RS256", kid=7) + ".x",
    "algorithm is a list": lambda: unsigned(alg=["RS256"], kid="key-1") + ".x",
    "deeply nested header": lambda: f"{b64(b'[' * 100_000)}.{b64(b'{}')}.x",
    "half a surrogate pair": lambda: "\ud83d.a.b",
    "not ASCII": lambda: "é.ü.ß",
    "zero bytes": lambda: "\0.\0.\0",
    "very long": lambda: "x" * 100_000,
    "truncated": lambda: id_token()[:-3],
    "modified claims": lambda: with_another_subject(id_token()),
    "unsigned": lambda: unsigned(alg="none", kid="key-1") + ".",
    "signed with the public key as a secret": signed_with_the_public_key,
    "another algorithm": lambda: jwt.encode(
        claims(), private_key("key-1"), "RS512", headers={"kid": "key-1"}
    ),
    "no key id": lambda: jwt.encode(claims(), private_key("key-1"), "RS256"),
    "unknown key": lambda: id_token("unknown"),
    "unknown key with the id of a pool's key": lambda: id_token("unknown", kid="key-1"),
    "another key of the pool": lambda: id_token("key-2", kid="key-1"),
    "expired": lambda: id_token(exp=int(time.time()) - 1),
    "no expiry": lambda: id_token(exp=None),
    "expiry is not a number": lambda: id_token(exp="tomorrow"),
    "not yet valid": lambda: id_token(nbf=int(time.time()) + 600),
    "another pool": lambda: id_token(iss=ISSUER[:-1] + "X"),
    "no issuer": lambda: id_token(iss=None),
    "another client": lambda: id_token(aud="another"),
    "several clients": lambda: id_token(aud=[CLIENT_ID, "another"]),
    "no client": lambda: id_token(aud=None),
    "access token of another client": lambda: access_token(client_id="another"),
    "access token with its client in aud": lambda: access_token(client_id=None, aud=CLIENT_ID),
    "access token bound to another resource server": lambda: access_token(aud="another"),
    "id token with its client in client_id": lambda: id_token(aud=None, client_id=CLIENT_ID),
    "no token use": lambda: id_token(token_use=None),
    "another token use": lambda: id_token(token_use="refresh"),
    "no subject": lambda: id_token(sub=None),
    "empty subject": lambda: id_token(sub=""),
}


@pytest.mark.parametrize("token", INVALID_TOKENS)
def test_an_invalid_token_is_rejected(verifier: TokenVerifier, token: str):
    with pytest.raises(AuthenticationRequired):
        verifier.subject(INVALID_TOKENS[token]())


def test_only_rs256_is_accepted_whatever_algorithm_the_pool_names(pool: UserPool, verifier: TokenVerifier):
    key = {**public_jwk("key-1"), "alg": "RS512"}
    pool.respond = lambda request: send(request, 200, json.dumps({"keys": [key]}).encode())
    token = jwt.encode(claims(), private_key("key-1"), "RS512", headers={"kid": "key-1"})

    with pytest.raises(AuthenticationRequired):
        verifier.subject(token)


# fetching the keys


def test_keys_are_fetched_from_the_pools_region(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert TokenVerifier(POOL_ID, CLIENT_ID)._keys.uri == f"{ISSUER}/.well-known/jwks.json"


def test_keys_are_not_fetched_before_the_first_token(pool: UserPool):
    TokenVerifier(POOL_ID, CLIENT_ID)

    assert pool.requests == 0


def test_keys_are_fetched_once(pool: UserPool, verifier: TokenVerifier):
    for key in ("key-1", "key-2") * 5:
        verifier.subject(id_token(key))

    assert pool.requests == 1


def test_a_new_key_is_fetched_when_a_token_has_its_id(
    pool: UserPool, verifier: TokenVerifier, clock: SimpleNamespace
):
    verifier.subject(id_token())
    pool.keys = ("key-2", "key-3")
    clock.seconds += 31

    assert verifier.subject(id_token("key-3")) == ALICE
    assert pool.requests == 2


def test_keys_are_reused_for_an_hour(pool: UserPool, verifier: TokenVerifier, clock: SimpleNamespace):
    verifier.subject(id_token())
    clock.seconds += 3599

    assert verifier.subject(id_token()) == ALICE
    assert pool.requests == 1


def test_a_withdrawn_key_is_rejected_after_an_hour(
    pool: UserPool, verifier: TokenVerifier, clock: SimpleNamespace
):
    verifier.subject(id_token())
    pool.keys = ("key-2",)
    clock.seconds += 3601

    with pytest.raises(AuthenticationRequired):
        verifier.subject(id_token())


def test_unknown_key_ids_do_not_cause_a_fetch_each(pool: UserPool, verifier: TokenVerifier):
    for number in range(20):
        with pytest.raises(AuthenticationRequired):
            verifier.subject(id_token("unknown", kid=f"unknown-{number}"))

    assert pool.requests == 1


def test_malformed_tokens_cause_no_fetch(pool: UserPool, verifier: TokenVerifier):
    for token in ("", "hello", "..", "a.b.c"):
        with pytest.raises(AuthenticationRequired):
            verifier.subject(token)

    assert pool.requests == 0


def send_503(request: BaseHTTPRequestHandler) -> None:
    send(request, 503, b"")


def close_connection(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def send_html(request: BaseHTTPRequestHandler) -> None:
    send(request, 200, b"<html>")


@pytest.mark.parametrize("fault", [send_503, close_connection, send_html])
def test_a_failed_fetch_does_not_reject_the_token_and_is_repeated(
    pool: UserPool, verifier: TokenVerifier, fault: Callable[[BaseHTTPRequestHandler], None]
):
    pool.respond = fault
    with pytest.raises(Exception) as error:  # any exception that is not AuthenticationRequired
        verifier.subject(id_token())
    pool.respond = None

    assert not isinstance(error.value, AuthenticationRequired)
    assert verifier.subject(id_token()) == ALICE


def test_a_fetch_without_a_response_times_out(pool: UserPool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cognito, "FETCH_TIMEOUT_S", 0.2)
    test_is_over = threading.Event()
    pool.respond = lambda request: test_is_over.wait()

    with pytest.raises(jwt.PyJWKClientConnectionError):
        TokenVerifier(POOL_ID, CLIENT_ID).subject(id_token())

    test_is_over.set()


def test_two_fetches_fit_into_the_functions_timeout():
    assert TokenVerifier(POOL_ID, CLIENT_ID)._keys.timeout == cognito.FETCH_TIMEOUT_S
    assert 2 * cognito.FETCH_TIMEOUT_S < FUNCTION_TIMEOUT_S
