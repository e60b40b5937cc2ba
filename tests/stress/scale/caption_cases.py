"""The speech that tests.stress.scale simulates, and its target."""

from typing import NamedTuple

from scripts import quotas
from scripts.command_line import report_progress
from scripts.launch_load import LaunchLoad
from tests.stress import results
from tests.stress.scale.captions import Outcome, Speech, Translation, simulate
from tests.stress.scale.model import Consumer, Costs, percentile

SESSIONS, LISTENERS = 1_000, 100
P95_S = 1.0
"""The target: from publishCaption to the last listener, with the quotas raised as docs/quotas.md says."""

DOWN = Translation(median_s=10.0)
"""Each call is given up after a second."""


class Case(NamedTuple):
    """Speech under some quotas, how long Amazon Translate takes, and whether it has the target."""

    name: str
    speech: Speech
    translation: Translation = Translation()
    has_target: bool = False


class Report(NamedTuple):
    """The results of all cases, a summary for docs/reliability.md, and the targets that were missed."""

    table: results.Table
    summary: str
    missed: list[str]


def cases() -> list[Case]:
    """Return the cases: with the default quotas, with some of them raised, and with all raised as printed."""
    raised, shards = raised_quotas(SESSIONS, LISTENERS)
    name = f"{SESSIONS:,} x {LISTENERS}"
    printed = Speech(SESSIONS, LISTENERS, shards, raised)
    return [
        Case(f"{name}, raised as printed", printed, has_target=True),
        Case(f"{name}, raised as printed, Translate down", printed, DOWN),
        Case(f"{name}, requests raised", Speech(SESSIONS, LISTENERS, quotas.NEW_TABLE_SHARDS, raised)),
        Case(f"{name}, default quotas", with_default_quotas(SESSIONS, LISTENERS)),
    ]


def run(consumer: Consumer, costs: Costs) -> Report:
    """Simulate all cases, and look for the most listeners that the default quotas allow."""
    rows, missed, outcomes = [], [], []
    for case in cases():
        report_progress(f"Captions: {case.name}")
        outcome = simulate(consumer, costs, case.speech, case.translation)
        outcomes.append(outcome)
        rows.append(row(case.name, case.speech, outcome))
        if case.has_target and not in_time(outcome):
            missed.append(f"{case.name}: p95 {percentile(outcome.latencies, 0.95):.2f} s")
    report_progress("Captions: the most listeners with default quotas")
    most = most_listeners(consumer, costs, SESSIONS)
    speech = with_default_quotas(SESSIONS, most)
    held = simulate(consumer, costs, speech)
    rows.append(row(f"{SESSIONS:,} x {most}, default quotas", speech, held))
    head = ("sessions x listeners", "shards", "requests/s", "p50", "p95", "p99", "not sent", "busiest lane")
    printed = outcomes[0]
    median, late = (percentile(printed.latencies, share) for share in (0.5, 0.95))
    summary = (
        f"From publishCaption to the last listener, simulated, {SESSIONS:,} sessions x {LISTENERS} listeners "
        f"with a caption each {speech.interval_s:g} s and quotas raised as printed: p50 {median:.2f} s, p95 "
        f"{late:.2f} s (at most {P95_S:g} s); {printed.limit} bind first. With default quotas {most} "
        f"listeners of each session hold, where {held.limit} bind."
    )
    return Report(results.Table((*head, "of the quota", "binds first"), rows), summary, missed)


def raised_quotas(sessions: int, listeners: int) -> tuple[float, int]:
    """Return the requests per second, and the shards of live_captions, that `make quotas` prints."""
    needs = {need.quota: need.amount for need in quotas.needs(LaunchLoad(sessions, listeners))}
    writes = needs[quotas.WARM_WRITES["live_captions"]]
    return float(needs[quotas.REQUESTS]), quotas.shards(writes)


def with_default_quotas(sessions: int, listeners: int) -> Speech:
    """Return the speech in an account with AWS's defaults."""
    if quotas.REQUESTS.default is None:
        raise ValueError("the quota of requests has no default")
    return Speech(sessions, listeners, quotas.NEW_TABLE_SHARDS, float(quotas.REQUESTS.default))


def in_time(outcome: Outcome) -> bool:
    """Return whether all listeners got their captions, and 95 % of the captions in time."""
    return not outcome.undelivered and percentile(outcome.latencies, 0.95) <= P95_S


def most_listeners(consumer: Consumer, costs: Costs, sessions: int) -> int:
    """Return the most listeners of each session who get their captions in time with default quotas."""
    holds, fails = 0, LISTENERS
    while fails - holds > 1:
        listeners = (holds + fails) // 2
        if in_time(simulate(consumer, costs, with_default_quotas(sessions, listeners))):
            holds = listeners
        else:
            fails = listeners
    return holds


def row(name: str, speech: Speech, outcome: Outcome) -> tuple[str, ...]:
    """Return the figures of an outcome as the table shows them."""
    return (
        name,
        f"{speech.shards}",
        f"{speech.requests_per_second:,.0f}",
        *(f"{percentile(outcome.latencies, share):.2f}" for share in (0.5, 0.95, 0.99)),
        f"{outcome.undelivered:,}",
        f"{outcome.lanes_share:.0%}",
        f"{outcome.requests_share:.0%}",
        outcome.limit,
    )
