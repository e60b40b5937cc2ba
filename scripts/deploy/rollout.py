"""A rollout: move requests to a release in steps, and return to the former one when something fails."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from scripts.deploy.monitor import Traffic
from scripts.errors import PreconditionFailed, StepFailed

POLL_SECONDS = 5.0


class Aliases(Protocol):
    """The aliases of an environment's functions, as in releases.Releases."""

    def live_versions(self) -> dict[str, str]:
        """Return the live version of each function."""
        ...

    def versions(self, release: str) -> dict[str, str]:
        """Return the versions of a release. Raises PreconditionFailed when there are none."""
        ...

    def make_live(self, versions: Mapping[str, str]) -> None:
        """Route all invocations of these functions to these versions."""
        ...

    def shift(self, current: Mapping[str, str], new: Mapping[str, str], percent: int) -> None:
        """Route `percent` of the invocations to the new versions. Raises StepFailed."""
        ...


class Monitor(Protocol):
    """The signals that a rollout watches, as in monitor.CloudWatchMonitor."""

    def active_alarms(self) -> list[str]:
        """Return the names of the active alarms."""
        ...

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        """Return the traffic of each route since a time."""
        ...


class Rollout:
    """Shifts requests to a release by `step` percent at a time, and monitors each step `pause` seconds."""

    def __init__(
        self,
        aliases: Aliases,
        monitor: Monitor,
        *,
        step: int,
        pause: float,
        sleep: Callable[[float], object] = time.sleep,
        report: Callable[[str], object] = print,
    ) -> None:
        self._aliases = aliases
        self._monitor = monitor
        self._step = step
        self._pause = pause
        self._sleep = sleep
        self._report = report

    def check(self) -> None:
        """Raise PreconditionFailed while an alarm is active: it would hide the effect of the new release."""
        if alarms := self._monitor.active_alarms():
            raise PreconditionFailed(
                f"Active alarms: {', '.join(alarms)}. Resolve them first, or use make apply instead."
            )

    def run(self, release: str, verify: Callable[[], None] = lambda: None) -> None:
        """Make a release live in steps, and verify it at the end.

        Raises StepFailed after an alarm, failed requests or a failed verification. Whatever interrupts the
        rollout, the former versions are live afterwards.
        """
        current = self._aliases.live_versions()
        new = {
            name: version
            for name, version in self._aliases.versions(release).items()
            if current[name] != version
        }
        if not new:
            self._report(f"{release} is live already.")
            return
        started = datetime.now(UTC)
        completed = False
        try:
            self._shift_in_steps(release, current, new, started)
            verify()
            completed = True
        except StepFailed as failure:
            raise StepFailed(f"{failure} The former release is live again.") from None
        finally:
            if not completed:
                self._return_to(current, new)
            total = sum(self._monitor.traffic(started).values(), Traffic())
            self._report(f"During the rollout {total}.")

    def _shift_in_steps(
        self, release: str, current: Mapping[str, str], new: Mapping[str, str], started: datetime
    ) -> None:
        for percent in range(self._step, 100, self._step):
            self._aliases.shift(current, new, percent)
            self._report(f"{percent:3} % of the requests go to {release}")
            self._watch(started)
        self._aliases.make_live(new)
        self._report(f"100 % of the requests go to {release}")
        self._watch(started)

    def _return_to(self, current: Mapping[str, str], new: Mapping[str, str]) -> None:
        live = self._aliases.live_versions()
        # An alias that somebody else has moved meanwhile stays where it is.
        names = [name for name in new if live[name] in (current[name], new[name])]
        self._aliases.make_live({name: current[name] for name in names})

    def _watch(self, started: datetime) -> None:
        remaining = self._pause
        while True:
            if alarms := self._monitor.active_alarms():
                raise StepFailed(f"Active alarms: {', '.join(alarms)}.")
            for route, traffic in self._monitor.traffic(started).items():
                if traffic.too_many_failed:
                    raise StepFailed(f"{route}: {traffic}.")
            if remaining <= 0:
                return
            self._sleep(min(POLL_SECONDS, remaining))
            remaining -= POLL_SECONDS
