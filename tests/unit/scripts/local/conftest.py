"""A gateway on a free port, a user pool's keys, a clock that tests move, and functions made by hand."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from scripts.local import system
from scripts.local.config.functions import Function
from scripts.local.config.http_api import Cors, HttpApi, JwtAuthorizer, Route
from scripts.local.gateway.http_api import Gateway
from scripts.local.lambda_ import runtime

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
DOMAIN = "abc123.execute-api.us-east-1.amazonaws.com"
CLIENT_ID = "the-client"
NOW = 1_800_000_000.0


class Pool:
    """A user pool: its keys, its tokens, and how often its keys were asked for."""

    def __init__(self, key_id: str = "first") -> None:
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key_id = key_id
        self.reachable = True
        self.asked = 0

    async def fetch_keys(self, issuer: str) -> Mapping[str, Any]:
        assert issuer == ISSUER
        self.asked += 1
        if not self.reachable:
            raise OSError("unreachable")
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.key_id, "alg": "RS256", "use": "sig"}]}

    def token(self, *, without: tuple[str, ...] = (), **claims: object) -> str:
        usual = {"sub": "a-speaker", "iss": ISSUER, "client_id": CLIENT_ID, "iat": NOW, "exp": NOW + 3_600}
        said = {name: value for name, value in (usual | claims).items() if name not in without}
        return jwt.encode(said, self.key, algorithm="RS256", headers={"kid": self.key_id})


class Clock:
    """Epoch seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Echo:
    """Stands for Lambda: remembers the event and answers with what the test set."""

    def __init__(self) -> None:
        self.event: dict[str, Any] = {}
        self.result = runtime.Result(b'{"statusCode": 200, "body": "done"}')
        self.raises: Exception | None = None

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> runtime.Result:
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
        loop = stack.enter_context(system.event_loop())

        def start(routes: tuple[Route, ...] = ROUTES, *, keys: Pool = pool, **fields: Any) -> str:
            api = HttpApi("abc123", DOMAIN, "123456789012", routes, **fields)
            gateway = Gateway(api, functions, keys.fetch_keys, clock=clock)
            return stack.enter_context(system.listening(loop, gateway, 0))

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
    """What `made_by_hand` started; close it to stop it within a test."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def made_by_hand(tmp_path: Path, running: contextlib.ExitStack, pool: Pool) -> Callable[..., str]:
    """Serve functions written in a test, each at `GET /<name>`; return the URL."""

    def start(*, timeout: float = 5.0, reserved: int | None = None, **sources: str) -> str:
        for name, source in sources.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "handler.py").write_text(source)
        made = {
            name: Function(
                name=name,
                arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
                handler="handler.handler",
                runtime=runtime.PYTHON,
                architecture="x86_64",
                code=("", ""),
                memory_mb=128,
                timeout=timeout,
                environment={"COLOUR": "green"},
                reserved_concurrency=reserved,
            )
            for name in sources
        }
        routes = tuple(Route("GET", f"/{name}", name, timeout=8.0) for name in sources)
        api = HttpApi("abc123", DOMAIN, "123456789012", routes)
        task_roots = {name: tmp_path / name for name in sources}
        return running.enter_context(
            system.serve(api, made, task_roots, work=tmp_path / "work", fetch_keys=pool.fetch_keys)
        )

    return start
