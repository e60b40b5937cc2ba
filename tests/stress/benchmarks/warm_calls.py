"""The number of Python function calls in one warm invocation of ours and of bare: equal on every machine.

python -m tests.stress.benchmarks.warm_calls
"""

import cProfile
import importlib
import os
import pstats
import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scripts.docs.markdown import markdown_table
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.contenders import OPERATIONS, PEERS, environment_variables
from tests.stress.benchmarks.events import http_api_event

HEAD = ("function", "ours", "bare", "ratio")
CONTEXT = SimpleNamespace(aws_request_id="8f507cfc-0000-4697-b07a-ac58fc914c95")
FIRST, COUNTED = 20, 50

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def count_calls(handler: Handler, event: dict[str, Any]) -> int:
    """Count the calls of one invocation, after some that do not count."""
    profile = cProfile.Profile()
    with Path(os.devnull).open("w") as devnull, redirect_stdout(devnull):  # metrics
        for _ in range(FIRST):
            assert handler(event, CONTEXT)["statusCode"] < 300
        profile.enable()
        for _ in range(COUNTED):
            handler(event, CONTEXT)
        profile.disable()
    return round(pstats.Stats(profile).total_calls / COUNTED)  # type: ignore[attr-defined]


def main() -> int:
    with CannedDynamoDB() as dynamodb:
        os.environ |= environment_variables(dynamodb)
        bare_handler = runpy.run_path(str(PEERS / "bare.py"))["handler"]
        rows = []
        for function, (route, body, _) in OPERATIONS.items():
            event = http_api_event(route, body)
            ours = count_calls(importlib.import_module(f"functions.{function}.handler").handler, event)
            bare = count_calls(bare_handler, event)
            rows.append((function, f"{ours:,}", f"{bare:,}", f"{ours / bare:.2f}"))
    print(markdown_table(HEAD, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
