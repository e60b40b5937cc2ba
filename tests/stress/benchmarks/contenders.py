"""Who is measured: our functions from dist/, and peers that do the same work."""

import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.project import ROOT
from tests.stress.benchmarks import peers_packages
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.events import http_api_event, rest_api_event, websocket_event

PEERS = Path(__file__).resolve().parent / "peers"
# By function: its route, its body, the status of its response.
OPERATIONS: Mapping[str, tuple[str, object, int]] = {
    "create_session": ("POST /sessions", {"sourceLanguage": "en"}, 201),
    "get_session": ("GET /sessions/{sessionId}", None, 200),
    "update_session": ("PATCH /sessions/{sessionId}", {"status": "paused"}, 200),
    "delete_session": ("DELETE /sessions/{sessionId}", None, 204),
    "health": ("GET /health", None, 200),
}
# By peer that does create and get: its handlers for them.
FRAMEWORKS = {
    "pydantic + boto3": ("pydantic_boto3.create", "pydantic_boto3.get"),
    "Powertools": ("powertools.handler", "powertools.handler"),
    "Chalice": ("chalice_app.app", "chalice_app.app"),
    "FastAPI + Mangum": ("fastapi_mangum.handler", "fastapi_mangum.handler"),
}
FASTAPI_COMPILED = "FastAPI + Mangum, with byte code"


@dataclass(frozen=True)
class Contender:
    """One function to measure: whose, what it may import, and the event that it answers with `status`."""

    owner: str
    operation: str
    handler: str
    path: list[Path]
    event: dict
    status: int | None
    calls: int = 1

    @property
    def name(self) -> str:
        return f"{self.owner}: {self.operation}"


def contenders(folder: Path, environment: Path) -> list[Contender]:
    """Unpack every function below `folder` as Lambda would, and return what to measure, in its order."""
    peers = folder / "peers"
    shutil.copytree(PEERS, peers, ignore=shutil.ignore_patterns("__pycache__"))
    packages = peers_packages.deployed(environment, folder / "packages")
    made = [Contender("floor", "-", "floor.handler", [peers], _event("create_session"), 204, calls=0)]
    for operation, (_, _, status) in OPERATIONS.items():
        ours = folder / operation
        zipfile.ZipFile(ROOT / "dist" / f"{operation}.zip").extractall(ours)
        handler = f"functions.{operation}.handler.handler"
        event = _event(operation)
        made.append(Contender("ours", operation, handler, [ours], event, status))
        answer = 200 if operation == "delete_session" else status
        made.append(Contender("bare", operation, "bare.handler", [peers], event, answer))
    for owner, handlers in FRAMEWORKS.items():
        for operation, handler in zip(("create_session", "get_session"), handlers, strict=True):
            route, body, status = OPERATIONS[operation]
            event = rest_api_event(route, body) if owner == "Chalice" else http_api_event(route, body)
            made.append(Contender(owner, operation, handler, [peers, packages], event, status))
    made.append(
        # The environment itself has the packages with their byte code.
        Contender(
            FASTAPI_COMPILED,
            "create_session",
            "fastapi_mangum.handler",
            [peers],
            _event("create_session"),
            201,
        )
    )
    made += _around_connections(folder, peers)
    malformed = http_api_event(OPERATIONS["get_session"][0], None, session_id="No-Such-Id")
    handler = "functions.get_session.handler.handler"
    made.append(Contender("ours", "malformed id", handler, [folder / "get_session"], malformed, 404, calls=0))
    return made


def _around_connections(folder: Path, peers: Path) -> list[Contender]:
    """$connect against bare's one GetItem, and its authorizer against whoever imports what it could need."""
    made = []
    for function, peer, asked, status, calls in (
        ("connect_session", "bare.handler", _event("get_session"), 200, 5),
        ("authorize_connection", "jwt_boto3.handler", websocket_event(), None, 0),
    ):
        zipfile.ZipFile(ROOT / "dist" / f"{function}.zip").extractall(folder / function)
        handler = f"functions.{function}.handler.handler"
        own = [folder / function]
        made.append(Contender("ours", function, handler, own, websocket_event(), status, calls))
        made.append(Contender("bare", function, peer, [peers], asked, status, min(calls, 1)))
    return made


def _event(operation: str) -> dict:
    route, body, _ = OPERATIONS[operation]
    return http_api_event(route, body)


def environment_variables(dynamodb: CannedDynamoDB) -> dict[str, str]:
    """Return what Lambda and Terraform set, with DynamoDB on this machine."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        # /var/task is read-only on Lambda: what has no byte code compiles anew at each start.
        "PYTHONDONTWRITEBYTECODE": "1",
        # Chalice requires setuptools, which would hook itself into every import.
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",
        "AWS_ENDPOINT_URL": dynamodb.url,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "ENV": "dev",
        "SESSIONS_TABLE": "sessions",
        "SESSION_ID_DIGITS": "3",
        # Off, so that each does the same work as its peer.
        "SESSIONS_PER_SPEAKER_PER_HOUR": "0",
        "JOINS_PER_ADDRESS_PER_MINUTE": "0",
        "RATE_LIMITS_TABLE": "rate-limits",
        "CONNECTIONS_TABLE": "connections",
        "MAX_LISTENERS": "500",
        "ADDRESS_KEY": "benchmark",
        "USER_POOL_ID": "eu-west-1_AbCdEfGhI",
        "USER_POOL_CLIENT_ID": "benchmark",
        "VERSION": "benchmark",
    }
