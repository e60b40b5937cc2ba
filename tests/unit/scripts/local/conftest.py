"""A gateway on a free port, a user pool, a clock that tests set, and functions given by their source."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts.local.config.functions import Function
from scripts.local.config.http_api import Cors, HttpApi, JwtAuthorizer, Route
from scripts.local.event_loop import EventLoop
from scripts.local.gateway.gateway import Gateway
from scripts.local.lambda_ import launch
from scripts.local.lambda_.execution_environment import Sleep
from scripts.local.lambda_.invocation import Result
from scripts.local.lambda_.runtime import Lambda
from scripts.local.servers import listening

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
DOMAIN = "abc123.execute-api.us-east-1.amazonaws.com"
CLIENT_ID = "the-client"
NOW = 1_800_000_000.0


class Pool:
    """A user pool: its keys, its tokens, and how often its keys were fetched."""

    def __init__(self, key_id: str = "first") -> None:
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key_id = key_id
        self.reachable = True
        self.fetches = 0

    async def fetch_keys(self, issuer: str) -> Mapping[str, Any]:
        assert issuer == ISSUER
        self.fetches += 1
        if not self.reachable:
            raise OSError("unreachable")
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.key_id, "alg": "RS256", "use": "sig"}]}

    def token(self, *, without: tuple[str, ...] = (), **claims: object) -> str:
        usual = {"sub": "a-speaker", "iss": ISSUER, "client_id": CLIENT_ID, "iat": NOW, "exp": NOW + 3_600}
        claims = {name: value for name, value in (usual | claims).items() if name not in without}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.key_id})


class Clock:
    """Epoch seconds that pass only when a test changes them."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Echo:
    """A stand-in for Lambda that keeps the event and returns the result that a test has set."""

    def __init__(self) -> None:
        self.event: dict[str, Any] = {}
        self.result = Result(b'{"statusCode": 200, "body": "done"}')
        self.raises: Exception | None = None

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        self.event = json.loads(payload)
        if self.raises:
            raise self.raises
        return self.result


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """These tests are about real sockets on 127.0.0.1."""


@pytest.fixture(scope="session")
def pool() -> Pool:
    return Pool()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def functions() -> Echo:
    return Echo()


AUTHORIZER = JwtAuthorizer(issuer=ISSUER, audience=(CLIENT_ID,))
ROUTES = (
    Route("GET", "/sessions/{sessionId}", "get"),
    Route("GET", "/sessions/mine", "mine"),
    Route("POST", "/sessions", "create", authorizer=AUTHORIZER),
    Route("GET", "/open", "open"),
    Route("POST", "/open", "open"),
)

Serve = Callable[..., str]


@pytest.fixture
def serve(pool: Pool, clock: Clock, functions: Echo) -> Iterator[Serve]:
    """Serve an API whose fields are given; return its URL."""
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(EventLoop())

        def start(routes: tuple[Route, ...] = ROUTES, *, keys: Pool = pool, **fields: Any) -> str:
            api = HttpApi("abc123", DOMAIN, "123456789012", routes, **fields)
            gateway = Gateway(api, functions, keys.fetch_keys, clock=clock, write_log=lambda _: None)
            return stack.enter_context(listening(loop, gateway))

        yield start


@pytest.fixture
def url(serve: Serve) -> str:
    return serve(cors=Cors(allow_origins=("https://app.example",), allow_methods=("GET", "POST"), max_age=60))


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def running() -> Iterator[contextlib.ExitStack]:
    """What `serve_functions` has started; close it to stop it within a test."""
    with contextlib.ExitStack() as stack:
        yield stack


async def _no_limit(_: float) -> None:
    await asyncio.Event().wait()


@pytest.fixture
def serve_functions(tmp_path: Path, running: contextlib.ExitStack, pool: Pool) -> Callable[..., str]:
    """Serve functions whose source is given, each at `GET /<name>`; return the URL.

    No time limit of Lambda expires unless the test passes a `sleep` of its own.
    """

    def start(
        *, timeout: float = 5.0, reserved: int | None = None, sleep: Sleep = _no_limit, **sources: str
    ) -> str:
        for name, source in sources.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "handler.py").write_text(source)
        routes = tuple(Route("GET", f"/{name}", name, timeout=600.0) for name in sources)
        lambda_ = Lambda(tmp_path / "work", sleep=sleep)
        for name in sources:
            declared = function(name, timeout=timeout, reserved_concurrency=reserved)
            lambda_.add(name, declared, tmp_path / name)
        api = HttpApi("abc123", DOMAIN, "123456789012", routes)
        gateway = Gateway(api, lambda_, pool.fetch_keys, clock=time.time, write_log=lambda _: None)
        loop = running.enter_context(EventLoop())
        running.callback(lambda: loop.run(lambda_.stop()))
        return running.enter_context(listening(loop, gateway))

    return start


def function(name: str, **fields: Any) -> Function:
    """A function for this machine, with some fields of its own."""
    usual: dict[str, Any] = {
        "name": name,
        "arn": f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        "handler": "handler.handler",
        "runtime": launch.RUNTIME,
        "architecture": launch.ARCHITECTURE,
        "memory_mb": 128,
        "timeout": 5.0,
        "environment": {"COLOUR": "green"},
    }
    return Function(**usual | fields)
