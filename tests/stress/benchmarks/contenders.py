"""What is measured: our functions from their zips, and peers that do the same work."""

import compileall
import os
import py_compile
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.project import ROOT
from tests.stress.benchmarks import peers_packages
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.events import (
    audio_event,
    http_api_event,
    message_event,
    rest_api_event,
    websocket_event,
)
from tests.support import function_settings

DIST = ROOT / "dist"
PEERS = Path(__file__).resolve().parent / "peers"
# By function: its route, its body, the status of its response.
OPERATIONS: Mapping[str, tuple[str, object, int]] = {
    "create_session": ("POST /sessions", {"sourceLanguage": "en"}, 201),
    "get_session": ("GET /sessions/{sessionId}", None, 200),
    "update_session": ("PATCH /sessions/{sessionId}", {"status": "paused"}, 200),
    "delete_session": ("DELETE /sessions/{sessionId}", None, 204),
    "health": ("GET /health", None, 200),
}
WEBSOCKET_FUNCTIONS = (
    "connect_session",
    "authorize_connection",
    "publish_caption",
    "change_language",
    "send_audio",
)
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
    """One function to measure: its module search path, and an event that it answers with `status`.

    `calls` is the most calls of DynamoDB and Kinesis that one invocation may make.
    """

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
    """Unpack every function below `folder` as Lambda does, and return what to measure, in this order."""
    peers = compiled_peers(folder)
    packages = peers_packages.deployed(environment, folder / "packages")
    floor = Contender("floor", "-", "floor.handler", [peers], _event("create_session"), 204, calls=0)
    listed = [floor]
    for operation in OPERATIONS:
        listed += [ours(operation, DIST, folder), bare(operation, peers)]
    for owner, handlers in FRAMEWORKS.items():
        for operation, handler in zip(("create_session", "get_session"), handlers, strict=True):
            route, body, status = OPERATIONS[operation]
            event = rest_api_event(route, body) if owner == "Chalice" else http_api_event(route, body)
            listed.append(Contender(owner, operation, handler, [peers, packages], event, status))
    # The environment itself has the packages with their byte code.
    fastapi, event = "fastapi_mangum.handler", _event("create_session")
    listed.append(Contender(FASTAPI_COMPILED, "create_session", fastapi, [peers], event, 201))
    for operation, peer, peer_event, status, calls in (
        ("connect_session", "bare.handler", _event("get_session"), 200, 5),
        ("authorize_connection", "jwt_boto3.handler", websocket_event(), None, 0),
    ):
        path = [_unpacked(operation, DIST, folder)]
        handler = _handler(operation)
        listed += [
            Contender("ours", operation, handler, path, websocket_event(), status, calls),
            Contender("bare", operation, peer, [peers], peer_event, status, min(calls, 1)),
        ]
    # The peer makes the one update that the message is about.
    for operation, event, calls in (
        ("publish_caption", message_event("publishCaption", {"sequence": 1, "text": "Good morning."}), 2),
        ("change_language", message_event("changeLanguage", {"targetLanguage": "fr"}, asks="listen"), 1),
    ):
        path = [_unpacked(operation, DIST, folder)]
        listed += [
            Contender("ours", operation, _handler(operation), path, event, 200, calls),
            Contender("bare", operation, "bare.handler", [peers], _event("update_session"), 200),
        ]
    audio, path = audio_event(), [_unpacked("send_audio", DIST, folder)]
    listed += [
        Contender("ours", "send_audio", _handler("send_audio"), path, audio, 200, calls=2),
        Contender("bare", "send_audio", "bare_audio.handler", [peers], audio, 200, calls=2),
    ]
    malformed = http_api_event(OPERATIONS["get_session"][0], None, session_id="No-Such-Id")
    path = [folder / "get_session"]
    listed.append(Contender("ours", "malformed id", _handler("get_session"), path, malformed, 404, calls=0))
    return listed


def ours(operation: str, dist: Path, folder: Path, owner: str = "ours") -> Contender:
    """Unpack a function of ours from its zip in `dist`."""
    path = [_unpacked(operation, dist, folder)]
    return Contender(owner, operation, _handler(operation), path, _event(operation), OPERATIONS[operation][2])


def bare(operation: str, peers: Path) -> Contender:
    """Return the bare peer of an operation. It answers a delete with the row."""
    status = 200 if operation == "delete_session" else OPERATIONS[operation][2]
    return Contender("bare", operation, "bare.handler", [peers], _event(operation), status)


def compiled_peers(folder: Path) -> Path:
    """Copy the peers' own modules into `folder`, with byte code as our zips have it, and return where."""
    peers = folder / "peers"
    shutil.copytree(PEERS, peers, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(peers, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return peers


def environment_variables(dynamodb: CannedDynamoDB) -> dict[str, str]:
    """Return what Lambda and Terraform set, with DynamoDB and Kinesis on this machine."""
    settings = {
        name: value
        for function in (*OPERATIONS, *WEBSOCKET_FUNCTIONS)
        for name, value in function_settings.environment(function).items()
    }
    return settings | {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        # /var/task is read-only on Lambda: what has no byte code is compiled at each start.
        "PYTHONDONTWRITEBYTECODE": "1",
        # Chalice requires setuptools, which would hook itself into every import.
        "SETUPTOOLS_USE_DISTUTILS": "stdlib",
        "AWS_ENDPOINT_URL": dynamodb.url,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        # Off, because no peer has rate limits.
        "SESSIONS_PER_SPEAKER_PER_HOUR": "0",
        "JOINS_PER_ADDRESS_PER_MINUTE": "0",
        "CAPTION_CHARACTERS_PER_MINUTE": "0",
    }


def _event(operation: str) -> dict:
    route, body, _ = OPERATIONS[operation]
    return http_api_event(route, body)


def _handler(function: str) -> str:
    return f"functions.{function}.handler.handler"


def _unpacked(function: str, dist: Path, folder: Path) -> Path:
    task_root = folder / function
    zipfile.ZipFile(dist / f"{function}.zip").extractall(task_root)
    return task_root
