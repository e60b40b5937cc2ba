"""A clock for tests."""

from tests.support.sessions import NOW


class Clock:
    """Returns `now` (epoch ms); each reading then advances it by `step` ms."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now
        self.step = 0

    def __call__(self) -> int:
        now = self.now
        self.now += self.step
        return now
