"""How many calls Python makes for one warm invocation, ours and the bare peer's: the same on every machine.

python -m tests.benchmarks.warm_calls

DynamoDB answers within the process, so what is counted is everything but the network and the runtime client.
"""

import cProfile
import importlib
import json
import os
import pstats
import runpy
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from shared.dynamodb.rows import attributes
from shared.dynamodb.sessions import COLUMNS
from tests.events import AUTHORIZER, CREATE, GET, LAMBDA_CONTEXT, UPDATE, event
from tests.sessions import a_session

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "ENV": "benchmark",
    "SESSIONS_TABLE": "sessions",
    "SESSION_ID_DIGITS": "3",
    "RATE_LIMITS_TABLE": "rate_limits",
    "SESSIONS_PER_SPEAKER_PER_HOUR": "0",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
}
ROUTES: dict[str, tuple[str, dict[str, str] | None]] = {
    "create_session": (CREATE, {"sourceLanguage": "en"}),
    "get_session": (GET, None),
    "update_session": (UPDATE, {"status": "paused"}),
}
FIRST, COUNTED = 20, 50

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Body:
    """What urllib3 would have read of a response."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._content]


def row() -> dict[str, Any]:
    """A session that lives now, as the table holds it."""
    now = time.time_ns() // 1_000_000
    session = a_session(created_at=now, updated_at=now, version=now, expires_at=now // 1000 + 3600)
    speaker = {"speakerId": {"S": AUTHORIZER["jwt"]["claims"]["sub"]}}
    return attributes(COLUMNS, {name: getattr(session, name) for name in COLUMNS}) | speaker


def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """Answer as DynamoDB does when all is well."""
    target = request.headers["X-Amz-Target"]
    operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    told = {"GetItem": {"Item": row()}, "UpdateItem": {"Attributes": row()}}.get(operation, {})
    content: Any = Body(json.dumps(told).encode())
    return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, content)


def calls(handler: Handler, client: Any, sent: dict[str, Any]) -> int:
    """Count the calls of one invocation, after some that do not count."""
    client.meta.events.register_first("before-send.dynamodb", answer)
    profile = cProfile.Profile()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):  # EMF lines
        for _ in range(FIRST):
            assert handler(sent, LAMBDA_CONTEXT)["statusCode"] in (200, 201)
        profile.enable()
        for _ in range(COUNTED):
            handler(sent, LAMBDA_CONTEXT)
        profile.disable()
    client.meta.events.unregister("before-send.dynamodb", answer)
    return round(pstats.Stats(profile).total_calls / COUNTED)  # type: ignore[attr-defined]


def main() -> int:
    os.environ |= SETTINGS
    bare = runpy.run_path(str(ROOT / "tests/benchmarks/peers/bare.py"))
    print("| function | ours | bare | ratio |\n| --- | ---: | ---: | ---: |")
    for function, (route, body) in ROUTES.items():
        sent = event(route, body=body)
        module = importlib.import_module(f"functions.{function}.handler")
        ours = calls(module.handler, module.SESSIONS._store._client, sent)
        theirs = calls(bare["handler"], bare["dynamodb"], sent)
        print(f"| {function} | {ours:,} | {theirs:,} | {ours / theirs:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
