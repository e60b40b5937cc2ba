"""Follow the logs of an environment's functions as readable lines, until Ctrl-C.

python -m scripts.operate.tail ENV [--route "POST /sessions"] [--since SECONDS]
"""

import argparse
import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import command_line, environments
from scripts.environments import Environment
from scripts.errors import PreconditionFailed
from scripts.local_system import DEFAULT_WORK
from scripts.operate.log_sources import CloudWatchLogs, LogEntry, LogFiles, LogSource
from scripts.project import ROOT

_POLL_SECONDS = 2.0
# Fields that format_entry shows at the start of the line, and fields that Lambda adds.
_SHOWN_FIELDS = {"timestamp", "level", "message", "logger", "requestId", "route", "status", "durationMs"}


def format_entry(entry: LogEntry, prefix: str) -> str | None:
    """Return an entry as a readable line, or None for a metric (CloudWatch's embedded metric format)."""
    time_of_day = datetime.fromtimestamp(entry.timestamp / 1000).astimezone().strftime("%H:%M:%S.%f")[:-3]
    function = entry.function.removeprefix(f"{prefix}-")
    fields = entry.fields
    if fields is None:
        return f"{time_of_day} {'':7} {function:20} {entry.text.strip()}"
    if "_aws" in fields:
        return None
    return f"{time_of_day} {fields.get('level', ''):7} {function:20} {_format_fields(fields)}"


def _format_fields(fields: Mapping[str, Any]) -> str:
    if "route" in fields:
        message = f"{fields['route']} {fields.get('status')}"
    else:
        message = str(fields.get("message", "")).strip()
    if "durationMs" in fields:
        message += f" {fields['durationMs']:.0f} ms"
    others = {name: value for name, value in fields.items() if name not in _SHOWN_FIELDS}
    return message + "".join(
        f"  {name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in others.items()
    )


def follow(source: LogSource, prefix: str, show: Callable[[str], object], polls: Iterator[object]) -> None:
    """Show the new entries of a source once for each item of `polls`."""
    for _ in polls:
        for entry in source():
            line = format_entry(entry, prefix)
            if line is not None:
                show(line)


def functions(environment: Environment, route: str | None) -> list[str]:
    """Return the names in AWS of all functions, or of the one that serves `route`.

    Raises PreconditionFailed when there is none.
    """
    if route is None:
        names = environment.function_names()
        if not names:
            raise PreconditionFailed(
                f"{environment.name} is not deployed. Deploy it: make plan ENV={environment.name}"
            )
        return names
    functions_by_route = dict(_routes(environment))
    if route not in functions_by_route:
        raise PreconditionFailed(
            f"{environment.name} has no route {route!r}. It has: {', '.join(sorted(functions_by_route))}."
        )
    return [functions_by_route[route]]


def _routes(environment: Environment) -> Iterator[tuple[str, str]]:
    """Yield each route key of both APIs that a function serves, and the function's name."""
    gateway = environment.client("apigatewayv2")

    def items(operation: str, **parameters: str) -> list[dict[str, Any]]:
        pages = gateway.get_paginator(operation).paginate(**parameters)
        return [item for page in pages for item in page["Items"]]

    for api in items("get_apis"):
        if api["Name"] not in (environment.prefix, f"{environment.prefix}-websocket"):
            continue
        integrations = {item["IntegrationId"]: item for item in items("get_integrations", ApiId=api["ApiId"])}
        for route in items("get_routes", ApiId=api["ApiId"]):
            integration = integrations[route["Target"].removeprefix("integrations/")]
            if function := re.search(r":function:([^:/]+)", integration.get("IntegrationUri", "")):
                yield route["RouteKey"], function[1]


def _log_source(environment: Environment, names: Sequence[str], work: Path, since: int) -> LogSource:
    if environment.running_system:
        return LogFiles([work / f"logs/{name}.log" for name in names], since)
    return CloudWatchLogs(environment.client("logs"), [f"/aws/lambda/{name}" for name in names], since)


def _poll_forever() -> Iterator[None]:
    while True:
        yield
        time.sleep(_POLL_SECONDS)


def main(
    arguments: Sequence[str] | None = None,
    project: Path = ROOT,
    work: Path = DEFAULT_WORK,
    poll: Callable[[], Iterator[object]] = _poll_forever,
) -> int:
    """Follow the logs and return the exit code of scripts.command_line; 0 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.tail", description=__doc__)
    parser.add_argument("environment", help=environments.ARGUMENT_HELP)
    parser.add_argument("--route", help='only the function of this route, such as "POST /sessions"')
    parser.add_argument("--since", type=int, default=60, metavar="SECONDS", help="start so long ago; 60")
    options = parser.parse_args(arguments)
    since = round((time.time() - options.since) * 1000)

    def print_entries() -> None:
        environment = environments.find(options.environment, project, work)
        names = functions(environment, options.route)
        source = _log_source(environment, names, work, since)
        with contextlib.suppress(KeyboardInterrupt):
            follow(source, environment.prefix, lambda line: print(line, flush=True), poll())

    return command_line.run(print_entries)


if __name__ == "__main__":
    sys.exit(main())
