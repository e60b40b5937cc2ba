"""A rollout: move requests to a release in steps, and return to the former one when something fails."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from scripts.deploy.monitor import CloudWatchMonitor, Traffic
from scripts.deploy.releases import Releases, Versions
from scripts.errors import PreconditionFailed, StepFailed

POLL_SECONDS = 5.0


class Rollout:
    """A rollout in steps of `step` percent of the requests, each monitored for `pause` seconds."""

    def __init__(
        self,
        releases: Releases,
        monitor: CloudWatchMonitor,
        *,
        step: int,
        pause: float,
        sleep: Callable[[float], object] = time.sleep,
        report: Callable[[str], object] = print,
    ) -> None:
        self._releases = releases
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
        current = self._releases.live_versions()
        new = {
            name: version
            for name, version in self._releases.versions(release).items()
            if current[name] != version
        }
        if not new:
            self._report(f"{release} is live already.")
            verify()
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

    def _shift_in_steps(self, release: str, current: Versions, new: Versions, started: datetime) -> None:
        for percent in range(self._step, 100, self._step):
            self._releases.shift(current, new, percent)
            self._report(f"{percent:3} % of the requests go to {release}")
            self._watch(started)
        self._releases.make_live(new)
        self._report(f"100 % of the requests go to {release}")
        self._watch(started)

    def _return_to(self, current: Versions, new: Versions) -> None:
        live = self._releases.live_versions()
        # An alias that somebody else has moved meanwhile stays where it is.
        names = [name for name in new if live[name] in (current[name], new[name])]
        self._releases.make_live({name: current[name] for name in names})

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
