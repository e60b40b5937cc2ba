"""Check the health of the service: one line for one URL, or a table of all environments.

Exit codes: 0 healthy, 1 unhealthy, 2 unreachable or refused. Of several checks the worst one counts.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts import environments, health_check
from scripts.errors import CommandError
from scripts.health_check import Check, Report, Status


def endpoint(environment_name: str) -> str:
    """Return the URL of an environment's HTTP API. Raises CommandError when it has none."""
    environment = environments.find(environment_name)
    environment.init()
    return str(environment.outputs()["http_api_endpoint"])


def main(arguments: Sequence[str] | None = None, find_url: Callable[[str], str] = endpoint) -> int:
    """Print the result of the checks and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.url is None and options.env is None:
        return _check_all(find_url, options)
    try:
        url = find_url(options.env) if options.url is None else options.url
        report = _check(url, options)
    except CommandError as error:
        print(error, file=sys.stderr)
        return Status.UNREACHABLE
    print(json.dumps(report.to_json()) if options.json else report)
    return report.worst.status


def _check(url: str, options: argparse.Namespace) -> Report:
    return health_check.check(url, count=options.count, timeout_seconds=options.timeout)


def _check_all(find_url: Callable[[str], str], options: argparse.Namespace) -> int:
    def check_environment(name: str) -> Report:
        try:
            return _check(find_url(name), options)
        except CommandError as error:
            return Report("-", [Check(Status.UNREACHABLE, str(error).splitlines()[0], name)])

    with ThreadPoolExecutor() as pool:
        reports = dict(
            zip(environments.DEPLOYED, pool.map(check_environment, environments.DEPLOYED), strict=True)
        )
    if options.json:
        print(json.dumps({name: report.to_json() for name, report in reports.items()}))
    else:
        print(_table(reports))
    return max(report.worst.status for report in reports.values())


def _table(reports: Mapping[str, Report]) -> str:
    rows = [("ENVIRONMENT", "STATUS", "VERSION", "DURATION", "")]
    for name, report in reports.items():
        worst = report.worst
        duration = "-" if report.url == "-" else report.duration
        rows.append((name, str(worst.status), worst.version, duration, worst.reason or report.url))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.health", description=__doc__)
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--url", help="URL of the service; /health is added when it has no path")
    target.add_argument("--env", help="dev, staging, prod or local; without --env and --url: all but local")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("--count", type=_count, default=1, metavar="N", help="number of requests; 1")
    parser.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="limit of each request; 5"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
