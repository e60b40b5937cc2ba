"""A release that takes over in steps, and goes back by itself when it does harm."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from scripts.deploy.watch import Traffic
from scripts.errors import Failed, Refused

LOOK_EVERY_SECONDS = 5.0


class Aliases(Protocol):
    """Where the functions' `live` points: releases.Releases, or what a test puts in its place."""

    def now(self) -> dict[str, str]:
        """Return the version that is live, by function."""
        ...

    def versions(self, release: str) -> dict[str, str]:
        """Return the versions of a release. Raises Refused when there are none."""
        ...

    def point(self, versions: Mapping[str, str]) -> None:
        """Point at these versions wholly."""
        ...

    def shift(self, current: Mapping[str, str], coming: Mapping[str, str], percent: int) -> None:
        """Lead a share of all invocations to the versions that come."""
        ...


class Watcher(Protocol):
    """What is watched: watch.Watch, or what a test puts in its place."""

    def alarms(self) -> list[str]:
        """Return the alarms that are on."""
        ...

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        """Return what each route has answered since a time."""
        ...


class Rollout:
    """Moves `live` to a release by `step` percent at a time, watching for `pause` seconds after each."""

    def __init__(
        self,
        aliases: Aliases,
        watch: Watcher,
        *,
        step: int,
        pause: float,
        sleep: Callable[[float], object] = time.sleep,
        say: Callable[[str], object] = print,
    ) -> None:
        self._aliases = aliases
        self._watch = watch
        self._step = step
        self._pause = pause
        self._sleep = sleep
        self._say = say

    def check(self) -> None:
        """Raise Refused while an alarm is on: it could not tell that the new release is at fault."""
        if alarms := self._watch.alarms():
            raise Refused(f"{', '.join(alarms)} is on already. Put that right first, or use: make apply")

    def run(self, release: str, proof: Callable[[], None] = lambda: None) -> None:
        """Move to the release; `proof` has the last word. Raises Failed after everything has gone back."""
        current = self._aliases.now()
        coming = {
            name: number
            for name, number in self._aliases.versions(release).items()
            if current[name] != number
        }
        if not coming:
            self._say(f"{release} is live already.")
            return
        began = datetime.now(UTC)
        done = False
        try:
            for percent in range(self._step, 100, self._step):
                self._aliases.shift(current, coming, percent)
                self._say(f"{percent:3} % of the requests go to {release}")
                self._look(began)
            self._aliases.point(coming)
            self._say(f"100 % of the requests go to {release}")
            self._look(began)
            proof()
            done = True
        except Failed as harm:
            raise Failed(f"{harm} Everything has gone back to what was live before.") from None
        finally:
            # Also when somebody stops us: nothing may stay half way. What somebody else has moved is theirs.
            if not done:
                now = self._aliases.now()
                ours = [name for name in coming if now[name] in (current[name], coming[name])]
                self._aliases.point({name: current[name] for name in ours})
            self._say(f"Meanwhile {sum(self._watch.traffic(began).values(), Traffic())}.")

    def _look(self, began: datetime) -> None:
        left = self._pause
        while True:
            if alarms := self._watch.alarms():
                raise Failed(f"{', '.join(alarms)} went off.")
            for route, traffic in self._watch.traffic(began).items():
                if traffic.bad:
                    raise Failed(f"{route}: {traffic}.")
            if left <= 0:
                return
            self._sleep(min(LOOK_EVERY_SECONDS, left))
            left -= LOOK_EVERY_SECONDS
