"""Print which quotas of AWS to raise before a launch: python -m scripts.operate.quotas SESSIONS LISTENERS.

It asks AWS nothing: docs/quotas.md says how the needs are computed.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from scripts import quotas
from scripts.launch_load import ARRIVAL_MINUTES, CAPTION_INTERVAL_S, LANGUAGES, LaunchLoad
from scripts.quotas import Quota

MAX_SESSIONS, MAX_LISTENERS, MAX_MINUTES = 1_000_000, 100_000, 24 * 60
MAX_CAPTION_SECONDS, MAX_LANGUAGES = 3_600, 18


def report(load: LaunchLoad) -> str:
    """Return the quotas with their defaults and the needs of the load, and the throttles that it needs."""
    rows = [("quota", "default", "needed", "raise", "source")]
    for need in quotas.needs(load):
        quota = need.quota
        rows.append((quota.name, _default(quota), f"{need.amount:,}", need.verdict.value, quota.source))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{name:{widths[0]}}  {default:>{widths[1]}}  {needed:>{widths[2]}}  {verdict:{widths[3]}}  {source}"
        for name, default, needed, verdict, source in rows
    ]
    throttles = (f"  {route:36}{rate:>8,}" for route, rate in quotas.throttles(load).items())
    minutes = f"{load.arrival_minutes:g} minutes"
    return "\n".join(
        [
            f"{load.sessions:,} sessions with {load.listeners:,} listeners each, who join within {minutes}.",
            f"Each has a caption every {load.caption_interval_s:g} s, in {load.languages} further languages.",
            "Needs are those of the busiest second.",
            "",
            *lines,
            "",
            "Requests per second that `throttles` in terraform/environments/<environment>.tfvars must allow:",
            *throttles,
            f"max_listeners there must be at least {load.listeners:,}. docs/quotas.md explains the rows.",
        ]
    )


def _default(quota: Quota) -> str:
    if quota.default is None:
        return "none" if quota.published else "unknown"
    return f"{quota.default:,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report and return 0. argparse ends with exit code 2 and names an argument that is invalid."""
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.quotas", description=__doc__)
    parser.add_argument("sessions", metavar="SESSIONS", type=_number(MAX_SESSIONS), help="live at once")
    parser.add_argument("listeners", metavar="LISTENERS", type=_number(MAX_LISTENERS), help="of each session")
    parser.add_argument(
        "--minutes",
        metavar="MINUTES",
        type=_number(MAX_MINUTES),
        default=ARRIVAL_MINUTES,
        help=f"in which the listeners join; {ARRIVAL_MINUTES}",
    )
    parser.add_argument(
        "--caption-seconds",
        metavar="CAPTION_SECONDS",
        type=_number(MAX_CAPTION_SECONDS),
        default=CAPTION_INTERVAL_S,
        help=f"between two captions of a session; {CAPTION_INTERVAL_S:g}",
    )
    parser.add_argument(
        "--languages",
        metavar="LANGUAGES",
        type=_number(MAX_LANGUAGES),
        default=LANGUAGES,
        help=f"that listeners of a session choose, in addition to the speaker's; {LANGUAGES}",
    )
    options = parser.parse_args(arguments)
    load = LaunchLoad(
        options.sessions,
        options.listeners,
        options.minutes,
        caption_interval_s=options.caption_seconds,
        languages=options.languages,
    )
    print(report(load))
    return 0


def _number(highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= highest):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {highest:,}")
        return int(text)

    return parse


if __name__ == "__main__":
    sys.exit(main())
