"""A rollout: step by step, watched, and back by itself."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from scripts.deploy.rollout import LOOK_EVERY_SECONDS, Rollout
from scripts.deploy.watch import Traffic
from scripts.errors import Failed, Refused


class Aliases:
    """Two functions whose version 1 is live, and what was done to them."""

    def __init__(self, **coming: str) -> None:
        self.live = {"create": "1", "health": "1"}
        self.coming = coming or {"create": "2", "health": "2"}
        self.moves: list[object] = []

    def now(self) -> dict[str, str]:
        return dict(self.live)

    def versions(self, release: str) -> dict[str, str]:
        return dict(self.coming)

    def point(self, versions: Mapping[str, str]) -> None:
        self.live |= versions
        self.moves.append(dict(versions))

    def shift(self, current: Mapping[str, str], coming: Mapping[str, str], percent: int) -> None:
        self.moves.append((percent, sorted(coming)))


class Watch:
    """Is quiet for `quiet` looks, and then not."""

    def __init__(self, quiet: int = 1_000, alarm: bool = True) -> None:
        self.quiet = quiet
        self.alarm = alarm

    def alarms(self) -> list[str]:
        self.quiet -= 1
        return ["failures"] if self.quiet < 0 and self.alarm else []

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        return {"GET /health": Traffic(100, 0 if self.quiet >= 0 else 20)}


def rollout(aliases: Aliases, watch: Watch, said: list[str] | None = None, **how: int) -> Rollout:
    chosen = {"step": 40, "pause": 0, **how}
    said = [] if said is None else said
    return Rollout(aliases, watch, sleep=lambda _: None, say=said.append, **chosen)


def test_a_release_takes_over_in_steps():
    aliases = Aliases()

    rollout(aliases, Watch()).run("2.0.0")

    both = ["create", "health"]
    assert aliases.moves == [(40, both), (80, both), {"create": "2", "health": "2"}]


@pytest.mark.parametrize("alarm", [True, False], ids=["an alarm", "failing requests"])
@pytest.mark.parametrize("quiet", [0, 1, 2])
def test_it_goes_back_at_any_step(quiet: int, alarm: bool):
    aliases = Aliases()

    with pytest.raises(Failed, match=r"(failures went off|20 of 100).*Everything has gone back"):
        rollout(aliases, Watch(quiet, alarm)).run("2.0.0")

    assert aliases.live == {"create": "1", "health": "1"}
    assert aliases.moves[-1] == {"create": "1", "health": "1"}


def test_it_goes_back_when_the_proof_fails():
    aliases = Aliases()

    def unproven() -> None:
        raise Failed("not healthy.")

    with pytest.raises(Failed, match="not healthy"):
        rollout(aliases, Watch()).run("2.0.0", unproven)

    assert aliases.live == {"create": "1", "health": "1"}


def test_it_goes_back_when_somebody_stops_it():
    aliases = Aliases()

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Rollout(aliases, Watch(), step=10, pause=60, sleep=stop, say=lambda _: None).run("2.0.0")

    assert aliases.moves == [(10, ["create", "health"]), {"create": "1", "health": "1"}]


def test_what_somebody_else_has_moved_stays_where_they_put_it():
    aliases = Aliases()

    def overtake(_: float) -> None:
        aliases.live["health"] = "7"
        raise Failed("Somebody else has moved health.")

    with pytest.raises(Failed):
        Rollout(aliases, Watch(), step=10, pause=60, sleep=overtake, say=lambda _: None).run("2.0.0")

    assert aliases.live == {"create": "1", "health": "7"}


def test_it_says_how_many_requests_failed_meanwhile():
    said: list[str] = []

    with pytest.raises(Failed):
        rollout(Aliases(), Watch(quiet=0), said).run("2.0.0")

    assert said[-1] == "Meanwhile 20 of 100 requests failed (20.0 %)."


def test_it_looks_again_and_again_during_a_pause():
    watch = Watch(quiet=1_000)

    rollout(Aliases(), watch, step=100, pause=int(3 * LOOK_EVERY_SECONDS)).run("2.0.0")

    assert 1_000 - watch.quiet == 4


def test_functions_that_do_not_change_are_left_alone():
    aliases = Aliases(create="2", health="1")

    rollout(aliases, Watch()).run("2.0.0")

    assert aliases.moves == [(40, ["create"]), (80, ["create"]), {"create": "2"}]


def test_a_release_that_is_live_is_not_moved():
    aliases = Aliases(create="1", health="1")

    rollout(aliases, Watch()).run("1.0.0")

    assert aliases.moves == []


def test_it_does_not_begin_while_an_alarm_is_on():
    with pytest.raises(Refused, match="failures is on already"):
        rollout(Aliases(), Watch(quiet=0)).check()


@pytest.mark.parametrize(
    ("requests", "failed", "bad"),
    [(0, 0, False), (10, 2, False), (10, 3, True), (100, 5, False), (100, 6, True)],
)
def test_three_failed_requests_and_more_than_five_percent_are_bad(requests: int, failed: int, bad: bool):
    assert Traffic(requests, failed).bad is bad
