"""Follow the logs of an environment's functions as readable lines, until Ctrl-C.

python -m scripts.operate.tail ENV [--route "POST /sessions"] [--since SECONDS]
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from scripts import environments, local_system
from scripts.environments import Environment
from scripts.errors import Refused

_ASK_EVERY_SECONDS = 2.0
# CloudWatch shows an entry seconds after it was written, and not in order.
_LATE_MILLISECONDS = 15_000
# Told already by the line's beginning, or by Lambda about itself.
_PLAIN = {"timestamp", "level", "message", "logger", "requestId", "route", "status", "durationMs"}


class Entry(NamedTuple):
    """One line of a log: when it was written (epoch milliseconds), by which function, and what it says."""

    at: int
    function: str
    text: str


Source = Callable[[], Iterable[Entry]]
"""Gives what was written since it was asked last."""


@dataclass
class CloudWatchLogs:
    """The log groups of deployed functions."""

    client: Any
    groups: Sequence[str]
    since: int
    _seen: dict[str, int] = field(default_factory=dict)

    def __call__(self) -> list[Entry]:
        """Return what was written since it was asked last, in order."""
        entries = []
        for group in self.groups:
            pages = self.client.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=self.since
            )
            for event in (event for page in pages for event in page["events"]):
                if event["eventId"] not in self._seen:
                    self._seen[event["eventId"]] = event["timestamp"]
                    entries.append(Entry(event["timestamp"], group.rpartition("/")[2], event["message"]))
        if self._seen:
            self.since = max(self.since, max(self._seen.values()) - _LATE_MILLISECONDS)
            self._seen = {key: at for key, at in self._seen.items() if at >= self.since}
        return sorted(entries)


@dataclass
class Files:
    """The log files of functions that run on this machine."""

    files: Sequence[Path]
    since: int
    _read: dict[Path, int] = field(default_factory=dict)

    def __call__(self) -> list[Entry]:
        """Return what was written since it was asked last, in order."""
        entries = []
        for file in self.files:
            if not file.is_file():  # the function was not invoked yet
                continue
            with file.open() as log:
                log.seek(self._read.get(file, 0))
                for line in iter(log.readline, ""):
                    if not line.endswith("\n"):
                        break
                    self._read[file] = log.tell()
                    at = _milliseconds(line)
                    if at >= self.since:
                        entries.append(Entry(at, file.stem, line))
        return sorted(entries)


def line(entry: Entry, prefix: str) -> str | None:
    """Return an entry as a person reads it; None for a metric, which is told elsewhere."""
    when = datetime.fromtimestamp(entry.at / 1000).astimezone().strftime("%H:%M:%S.%f")[:-3]
    function = entry.function.removeprefix(f"{prefix}-")
    said = _decoded(entry.text)
    if said is None:
        return f"{when} {'':7} {function:20} {entry.text.strip()}"
    if "_aws" in said:
        return None
    told = (
        f"{said['route']} {said.get('status')}" if "route" in said else str(said.get("message", "")).strip()
    )
    took = f" {said['durationMs']:.0f} ms" if "durationMs" in said else ""
    rest = "".join(f"  {name}={_short(value)}" for name, value in said.items() if name not in _PLAIN)
    return f"{when} {said.get('level', ''):7} {function:20} {told}{took}{rest}"


def follow(source: Source, prefix: str, show: Callable[[str], object], wait: Iterator[object]) -> None:
    """Show what a source gives, asking again after each turn of `wait`."""
    for _ in wait:
        for entry in source():
            readable = line(entry, prefix)
            if readable is not None:
                show(readable)


def functions(environment: Environment, route: str | None) -> list[str]:
    """Return the functions of an environment, or the one that answers a route. Raises Refused for no such."""
    if route is None:
        own = environment.function_names()
        if not own:
            raise Refused(f"{environment.name} is not deployed. Deploy it: make plan ENV={environment.name}")
        return own
    answering = dict(_routes(environment))
    if route not in answering:
        raise Refused(f"{environment.name} has no route {route!r}. It has: {', '.join(sorted(answering))}.")
    return [answering[route]]


def _routes(environment: Environment) -> Iterator[tuple[str, str]]:
    gateway = environment.client("apigatewayv2")

    def items(operation: str, **where: str) -> list[dict[str, Any]]:
        found = gateway.get_paginator(operation).paginate(**where)
        return [item for page in found for item in page["Items"]]

    for api in items("get_apis"):
        if api["Name"] not in (environment.prefix, f"{environment.prefix}-websocket"):
            continue
        where = {"ApiId": api["ApiId"]}
        leads_to = {item["IntegrationId"]: item for item in items("get_integrations", **where)}
        for route in items("get_routes", **where):
            uri = leads_to[route["Target"].removeprefix("integrations/")].get("IntegrationUri", "")
            if found := re.search(r":function:([^:/]+)", uri):
                yield route["RouteKey"], found[1]


def _decoded(text: str) -> Mapping[str, Any] | None:
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _milliseconds(text: str) -> int:
    said = _decoded(text) or {}
    try:
        return round(datetime.fromisoformat(said["timestamp"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return round(time.time() * 1000)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _source(environment: Environment, names: Sequence[str], work: Path, since: int) -> Source:
    if environment.running:
        return Files([work / f"logs/{name}.log" for name in names], since)
    return CloudWatchLogs(environment.client("logs"), [f"/aws/lambda/{name}" for name in names], since)


def _turns() -> Iterator[None]:
    while True:
        yield
        time.sleep(_ASK_EVERY_SECONDS)


def main(
    arguments: Sequence[str] | None = None,
    project: Path = environments.PROJECT,
    work: Path = local_system.DEFAULT_WORK,
    turns: Callable[[], Iterator[object]] = _turns,
) -> int:
    """Follow until stopped; 2 with the reason on standard error when there is nothing to follow."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.tail", description=__doc__)
    parser.add_argument("environment", help="dev, staging, prod, or local while make run runs")
    parser.add_argument("--route", help='only the function that answers it, as in "POST /sessions"')
    parser.add_argument("--since", type=int, default=60, metavar="SECONDS", help="ago; 60")
    chosen = parser.parse_args(arguments)
    since = round((time.time() - chosen.since) * 1000)
    try:
        environment = environments.find(chosen.environment, project, work)
        names = functions(environment, chosen.route)
        follow(
            _source(environment, names, work, since),
            environment.prefix,
            lambda told: print(told, flush=True),
            turns(),
        )
    except KeyboardInterrupt:
        return 0
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (ClientError, BotoCoreError) as problem:
        print(f"AWS said: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
