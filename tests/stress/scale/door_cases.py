"""The crowds at the door that tests.stress.scale simulates, and their targets."""

from typing import NamedTuple

from scripts.command_line import report_progress
from tests.stress import results
from tests.stress.scale.door import PARTITION_WRITES, Chaos, Crowd, Outcome, simulate

CHAOS = Chaos(crashes=0.01, losses=0.01, late=0.01, leaves=0.05, skew_s=2.0)
WILD = Chaos(crashes=0.02, losses=0.05, late=0.1, leaves=0.1, skew_s=3.0)
SMALL = Crowd(phones=24, places=3, arrival_s=30.0, tries=4)
INTERLEAVINGS = 500

FULL_WITHIN_S, ALMOST_FULL_WITHIN_S = 3.0, 20.0
"""Seconds from the arrival of as many phones as places until a session is full, or almost full with chaos.

A join that is killed leaves its place taken for the 12 s of its row and until the next count.
"""


class Case(NamedTuple):
    """A crowd, what happens to it, and the rule: counted places or the earlier waiting line."""

    name: str
    crowd: Crowd
    chaos: Chaos = Chaos()
    counted: bool = True


CASES = (
    Case("5,000 in a minute", Crowd(5_000, 500, tries=3)),
    Case("5,000 in a minute, chaos", Crowd(5_000, 500, tries=3), CHAOS),
    Case("5,000 in ten seconds", Crowd(5_000, 500, arrival_s=10.0, tries=3)),
    Case("5 x 5,000 in a minute", Crowd(5_000, 500, sessions=5, tries=2)),
    Case("before: 5,000 in a minute", Crowd(5_000, 500, tries=3), counted=False),
)


class Report(NamedTuple):
    """The results of all cases, a summary for docs/reliability.md, and the targets that were missed."""

    table: results.Table
    summary: str
    missed: list[str]


def run() -> Report:
    """Simulate all cases, and many small crowds with much chaos."""
    rows, missed = [], []
    outcomes = {}
    for case in CASES:
        report_progress(f"{case.name} at {case.crowd.places} places")
        outcome = outcomes[case] = simulate(case.crowd, case.chaos, counted=case.counted)
        rows.append((case.name, *row(outcome)))
        if case.counted:
            missed += [f"{case.name}: {miss}" for miss in misses(case, outcome)]
    report_progress(f"{INTERLEAVINGS} small crowds, with both rules")
    above, above_before = (crowds_above_the_cap(INTERLEAVINGS, counted=counted) for counted in (True, False))
    if above:
        missed.append(f"{above} of {INTERLEAVINGS} small crowds exceeded the cap")
    head = (
        "crowd",
        "handshakes",
        "99 % full after",
        "full after",
        "most at once",
        "empty at the end",
        "faults",
        "killed",
        "writes/s of connections",
        "of audiences",
        "reads/s of connections",
        "throttled",
    )
    quiet, before = outcomes[CASES[0]], outcomes[CASES[-1]]
    summary = (
        f"5,000 phones on 500 places within a minute, simulated: full after {quiet.full_at:.1f} s with "
        f"{quiet.faults:,} faults and at most {quiet.peak(quiet.reads, 'connections'):,} reads per second of "
        f"the session's rows (with the waiting line {before.faults:,} faults and "
        f"{before.peak(before.reads, 'connections'):,} reads). {above} of {INTERLEAVINGS} small crowds with "
        f"crashes, lost responses and late requests exceeded the cap (with the waiting line {above_before})."
    )
    return Report(results.Table(head, rows), summary, missed)


def row(outcome: Outcome) -> tuple[str, ...]:
    """Return the figures of an outcome as the table shows them."""
    return (
        f"{outcome.handshakes:,}",
        f"{outcome.almost_full_at:.1f}",
        f"{outcome.full_at:.1f}",
        f"{outcome.most_admitted}",
        f"{outcome.empty}",
        f"{outcome.faults:,}",
        f"{outcome.killed:,}",
        *(f"{outcome.peak(outcome.writes, table):,}" for table in ("connections", "audiences")),
        f"{outcome.peak(outcome.reads, 'connections'):,}",
        f"{outcome.throttled:,}",
    )


def misses(case: Case, outcome: Outcome) -> list[str]:
    """Return which targets the outcome misses."""
    crowd = case.crowd
    enough_at = crowd.arrival_s * crowd.places / crowd.phones
    checks = {
        "above the cap": outcome.most_admitted <= crowd.places,
        "places left empty": outcome.empty == 0,
        "more writes than a partition serves": outcome.peak(outcome.writes, "") <= PARTITION_WRITES,
        "not almost full in time": outcome.almost_full_at <= enough_at + ALMOST_FULL_WITHIN_S,
    }
    if case.chaos == Chaos():
        checks["faults"] = outcome.faults == 0
        checks["not full in time"] = outcome.full_at <= enough_at + FULL_WITHIN_S
    return [miss for miss, met in checks.items() if not met]


def crowds_above_the_cap(crowds: int, *, counted: bool) -> int:
    """Return how many small crowds of so many let in more listeners than there are places."""
    return sum(
        simulate(SMALL, WILD, counted=counted, seed=seed).most_admitted > SMALL.places
        for seed in range(crowds)
    )
