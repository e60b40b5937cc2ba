"""A rollout shifts requests in steps, monitors them, and returns to the former release on failure."""

from collections.abc import Callable, Mapping
from datetime import datetime

import pytest

from scripts.deploy.monitor import Traffic
from scripts.deploy.rollout import POLL_SECONDS, Rollout
from scripts.errors import PreconditionFailed, StepFailed


class Releases:
    """A fake of releases.Releases: two functions whose version 1 is live, and the moves of their aliases."""

    def __init__(self, **new: str) -> None:
        self.live = {"create": "1", "health": "1"}
        self.new = new or {"create": "2", "health": "2"}
        self.moves: list[object] = []

    def live_versions(self) -> dict[str, str]:
        return dict(self.live)

    def versions(self, release: str) -> dict[str, str]:
        return dict(self.new)

    def make_live(self, versions: Mapping[str, str]) -> None:
        self.live |= versions
        self.moves.append(dict(versions))

    def shift(self, current: Mapping[str, str], new: Mapping[str, str], percent: int) -> None:
        self.moves.append((percent, sorted(new)))


class Monitor:
    """A fake monitor: failed requests, and with `alarm` an alarm, after the first `quiet` polls."""

    def __init__(self, quiet: int = 1_000, alarm: bool = True) -> None:
        self.quiet = quiet
        self.alarm = alarm

    def active_alarms(self) -> list[str]:
        self.quiet -= 1
        return ["failures"] if self.quiet < 0 and self.alarm else []

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        return {"GET /health": Traffic(100, 0 if self.quiet >= 0 else 20)}


def rollout(
    releases: Releases,
    monitor: Monitor,
    *,
    step: int = 40,
    pause: float = 0,
    sleep: Callable[[float], object] = lambda _: None,
    report: Callable[[str], object] = lambda _: None,
) -> Rollout:
    return Rollout(releases, monitor, step=step, pause=pause, sleep=sleep, report=report)


def test_a_release_becomes_live_in_steps():
    releases = Releases()

    rollout(releases, Monitor()).run("2.0.0")

    both = ["create", "health"]
    assert releases.moves == [(40, both), (80, both), {"create": "2", "health": "2"}]


@pytest.mark.parametrize("alarm", [True, False], ids=["an alarm", "failing requests"])
@pytest.mark.parametrize("quiet", [0, 1, 2])
def test_a_failure_at_any_step_makes_the_former_release_live_again(quiet: int, alarm: bool):
    releases = Releases()

    with pytest.raises(StepFailed, match=r"(alarms: failures|20 of 100).*The former release is live again"):
        rollout(releases, Monitor(quiet, alarm)).run("2.0.0")

    assert releases.live == {"create": "1", "health": "1"}
    assert releases.moves[-1] == {"create": "1", "health": "1"}


def test_a_failed_verification_makes_the_former_release_live_again():
    releases = Releases()

    def verify() -> None:
        raise StepFailed("not healthy.")

    with pytest.raises(StepFailed, match="not healthy"):
        rollout(releases, Monitor()).run("2.0.0", verify)

    assert releases.live == {"create": "1", "health": "1"}


def test_an_interrupt_makes_the_former_release_live_again():
    releases = Releases()

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rollout(releases, Monitor(), step=10, pause=60, sleep=interrupt).run("2.0.0")

    assert releases.moves == [(10, ["create", "health"]), {"create": "1", "health": "1"}]


def test_an_alias_that_somebody_else_moved_stays_where_it_is():
    releases = Releases()

    def move_alias(_: float) -> None:
        releases.live["health"] = "7"
        raise StepFailed("Somebody else has moved health.")

    with pytest.raises(StepFailed):
        rollout(releases, Monitor(), step=10, pause=60, sleep=move_alias).run("2.0.0")

    assert releases.live == {"create": "1", "health": "7"}


def test_a_rollout_reports_how_many_requests_failed():
    reports: list[str] = []

    with pytest.raises(StepFailed):
        rollout(Releases(), Monitor(quiet=0), report=reports.append).run("2.0.0")

    assert reports[-1] == "During the rollout 20 of 100 requests failed (20.0 %)."


def test_a_rollout_polls_during_each_pause():
    monitor = Monitor(quiet=1_000)

    rollout(Releases(), monitor, step=100, pause=3 * POLL_SECONDS).run("2.0.0")

    assert 1_000 - monitor.quiet == 4


def test_functions_that_do_not_change_are_not_shifted():
    releases = Releases(create="2", health="1")

    rollout(releases, Monitor()).run("2.0.0")

    assert releases.moves == [(40, ["create"]), (80, ["create"]), {"create": "2"}]


def test_a_release_that_is_live_already_is_verified_but_not_shifted():
    releases = Releases(create="1", health="1")
    verified = []

    rollout(releases, Monitor()).run("1.0.0", lambda: verified.append("1.0.0"))

    assert releases.moves == []
    assert verified == ["1.0.0"]


def test_a_rollout_is_refused_while_an_alarm_is_active():
    with pytest.raises(PreconditionFailed, match="Active alarms: failures"):
        rollout(Releases(), Monitor(quiet=0)).check()


@pytest.mark.parametrize(
    ("requests", "failed", "too_many"),
    [(0, 0, False), (10, 2, False), (10, 3, True), (100, 5, False), (100, 6, True)],
)
def test_three_failed_requests_and_more_than_five_percent_are_too_many(
    requests: int, failed: int, too_many: bool
):
    assert Traffic(requests, failed).too_many_failed is too_many
