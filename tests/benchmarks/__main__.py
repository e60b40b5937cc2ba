"""Our functions, from the zips in dist/, against peers that do the same: ratios measured in one run.

python -m tests.benchmarks [--rounds 11] [--warm 200]

Each round starts every function once, one after the other, so that a busy moment of the machine meets all.
CPU time and not wall time is what Lambda's share of a processor stretches. Linux only.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.canned_dynamodb import SESSION_ID, SPEAKER, CannedDynamoDB
from tests.benchmarks.lambda_runtime import Cost, measure

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = Path(__file__).resolve().parent / "peers"
# By function: its route, its body, the status of its response.
OPERATIONS: Mapping[str, tuple[str, object, int]] = {
    "create_session": ("POST /sessions", {"sourceLanguage": "en"}, 201),
    "get_session": ("GET /sessions/{sessionId}", None, 200),
    "update_session": ("PATCH /sessions/{sessionId}", {"status": "paused"}, 200),
    "delete_session": ("DELETE /sessions/{sessionId}", None, 204),
    "health": ("GET /health", None, 200),
}
# The most that each may cost: cold CPU and warm CPU as multiples of the bare peer's, and bytes of its zip.
MOST = {
    "create_session": (1.0, 1.15, 4_000_000),
    "get_session": (0.7, 1.15, 1_500_000),
    "update_session": (1.0, 1.15, 4_000_000),
    "delete_session": (0.7, 1.15, 1_500_000),
    "health": (0.7, 1.15, 1_500_000),
}


@dataclass(frozen=True)
class Contender:
    """One function to measure: whose, its handler and folder, and the event that it answers with `status`."""

    owner: str
    operation: str
    handler: str
    folder: Path
    event: dict
    status: int
    calls: int

    @property
    def name(self) -> str:
        return f"{self.owner} {self.operation}"


def event(route: str, body: object, session_id: str = SESSION_ID) -> dict:
    """Return an API Gateway event in payload format 2.0, with what the functions and peers read of it."""
    method, path = route.replace("{sessionId}", session_id).split(" ")
    made = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "user-agent": "benchmark"},
        "requestContext": {
            "authorizer": {"jwt": {"claims": {"sub": SPEAKER}, "scopes": None}},
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
        "pathParameters": {"sessionId": session_id} if "{" in route else None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }
    return {name: value for name, value in made.items() if value is not None}


def contenders(folder: Path) -> list[Contender]:
    """Unpack every function below `folder` as Lambda would, and return what to measure."""
    made = []
    peer = _peer_folder(folder / "peers")
    for operation, (route, body, status) in OPERATIONS.items():
        ours = folder / operation
        zipfile.ZipFile(ROOT / "dist" / f"{operation}.zip").extractall(ours)
        handler = f"functions.{operation}.handler.handler"
        made.append(Contender("ours", operation, handler, ours, event(route, body), status, calls=1))
        answer = 200 if operation == "delete_session" else status
        made.append(Contender("bare", operation, "bare.handler", peer, event(route, body), answer, calls=1))
    create = event(*OPERATIONS["create_session"][:2])
    made.append(
        Contender("pydantic+boto3", "create_session", "pydantic_boto3.handler", peer, create, 201, calls=1)
    )
    made.append(Contender("floor", "-", "floor.handler", peer, create, 204, calls=0))
    route = OPERATIONS["get_session"][0]
    malformed = event(route, None, session_id="No-Such-Id")
    handler = "functions.get_session.handler.handler"
    made.append(Contender("ours", "malformed id", handler, folder / "get_session", malformed, 404, calls=0))
    return made


def _peer_folder(folder: Path) -> Path:
    shutil.copytree(PEERS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in ("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions"):
        installed = Path(__import__(module).__file__)
        if installed.name == "__init__.py":
            shutil.copytree(installed.parent, folder / module, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(installed, folder)
    return folder


def environment(dynamodb: CannedDynamoDB) -> dict[str, str]:
    """Return what Lambda and Terraform set, with DynamoDB on this machine."""
    return {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        # /var/task is read-only on Lambda: what has no byte code compiles anew at each start.
        "PYTHONDONTWRITEBYTECODE": "1",
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
        "VERSION": "benchmark",
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--warm", type=int, default=200, help="invocations after the first, per process")
    chosen = parser.parse_args()
    manifest = json.loads((ROOT / "dist" / "manifest.json").read_text())
    runs: dict[str, list[Cost]] = {}
    calls: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, CannedDynamoDB() as dynamodb:
        measured = contenders(Path(folder))
        env = environment(dynamodb)
        for number in range(chosen.rounds + 1):
            kind = f"round {number} of {chosen.rounds}" if number else "a first round that does not count"
            print(f"\r{kind:40}", end="", file=sys.stderr, flush=True)
            for one in measured:
                dynamodb.calls.clear()
                cost = measure(
                    one.handler, one.folder, env, one.event, one.status, chosen.warm if number else 1
                )
                if number:
                    runs.setdefault(one.name, []).append(cost)
                    calls[one.name] = dynamodb.calls.total() / (1 + chosen.warm)
        print("\r" + " " * 40 + "\r", end="", file=sys.stderr)
    sizes = {name: made["bytes"] for name, made in manifest["functions"].items()}
    print(
        f"{manifest['version']}, {manifest['runtime']}, {manifest['architecture']}; {chosen.rounds} rounds\n"
    )
    print_table(measured, runs, calls, sizes)
    print()
    print_targets(measured, runs, calls, sizes)
    return 0


def print_table(measured: list[Contender], runs, calls, sizes) -> None:
    """Print medians, with the middle half of all rounds as spread, and ratios to the bare peer."""
    print(
        f"{'function':34} {'cold CPU ms':>18} {'ratio':>6} {'warm CPU ms':>20} {'ratio':>6} "
        f"{'peak MB':>8} {'calls':>6} {'zip bytes':>10}"
    )
    for one in measured:
        cold, warm = ([getattr(cost, field) for cost in runs[one.name]] for field in ("cold_ms", "warm_ms"))
        peak = statistics.median(cost.peak_mb for cost in runs[one.name])
        ratios = [_ratio(runs, one, field) for field in ("cold_ms", "warm_ms")]
        size = f"{sizes[one.operation]:,}" if one.owner == "ours" and one.operation in sizes else ""
        print(
            f"{one.name:34} {_spread(cold, 1):>18} {ratios[0]:>6} {_spread(warm, 3):>20} {ratios[1]:>6} "
            f"{peak:8.1f} {calls[one.name]:6g} {size:>10}"
        )


def print_targets(measured: list[Contender], runs, calls, sizes) -> None:
    """Say of each target whether it was met."""
    for operation, (cold, warm, size) in MOST.items():
        ours = next(one for one in measured if one.name == f"ours {operation}")
        _print_target(f"{operation}: cold CPU of bare", float(_ratio(runs, ours, "cold_ms")), cold)
        _print_target(f"{operation}: warm CPU of bare", float(_ratio(runs, ours, "warm_ms")), warm)
        _print_target(f"{operation}: bytes", sizes[operation], size)
    for one in measured:
        if one.owner == "ours":
            _print_target(f"{one.operation}: DynamoDB calls", calls[one.name], one.calls)


def _print_target(name: str, value: float, most: float) -> None:
    print(f"{'met   ' if value <= most else 'MISSED'} {name}: {value:,.10g}, at most {most:,.10g}")


def _ratio(runs: Mapping[str, list[Cost]], one: Contender, field: str) -> str:
    """Return the median over rounds of the ratio to the bare peer, which ran next to it in each."""
    bare = runs.get(f"bare {one.operation}")
    if not bare:
        return ""
    pairs = zip(runs[one.name], bare, strict=True)
    return f"{statistics.median(getattr(ours, field) / getattr(theirs, field) for ours, theirs in pairs):.2f}"


def _spread(values: list[float], digits: int) -> str:
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
