"""How many ids a create tries as more of them are held: by formula and by simulation.

An id is drawn evenly from its pool, so only how many of a pool are held matters, not which.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.sessions import ids


def pools(digits: int) -> tuple[int, ...]:
    """How many ids each of the five tries draws from, as the service itself draws them."""
    sizes: list[int] = []

    def note(_attempt: int, n: int) -> int:
        sizes.append(n)
        return 0

    for _ in ids.candidates(digits, note):
        pass
    return tuple(sizes)


@dataclass(frozen=True)
class Crowd:
    """How many ids of each pool are held, and what that means for the next create."""

    sizes: tuple[int, ...]
    held: dict[int, float]

    @property
    def clash(self) -> float:
        """The share of first tries that meet another session."""
        return self.held[self.sizes[0]] / self.sizes[0]

    @property
    def calls(self) -> float:
        """Expected calls per create: 1 + p + p² + p²q + p²q², if p and q are the shares held."""
        return sum(self._all_clash(tries) for tries in range(len(self.sizes)))

    @property
    def failing(self) -> float:
        """The probability that all five tries clash and a create answers 503."""
        return self._all_clash(len(self.sizes))

    def _all_clash(self, tries: int) -> float:
        return math.prod(self.held[size] / size for size in self.sizes[:tries])


def filled(digits: int, live: float, steps: int = 4000) -> Crowd:
    """So many sessions opened one after the other and none gone yet: the most crowded that they can be.

    Of two tries in a pool of n, h of them held, one succeeds with 1 - (h/n)²: that makes h = n tanh(live/n).
    """
    sizes = pools(digits)
    crowd = Crowd(sizes, dict.fromkeys(sizes, 0.0))
    grid = [0.0, *(live ** (step / steps) for step in range(steps + 1))]
    for before, after in pairwise(grid):
        middle = _opened(crowd, (after - before) / 2)
        rates = _shares(middle)
        crowd = Crowd(sizes, {size: crowd.held[size] + rates[size] * (after - before) for size in crowd.held})
    return crowd


def even(digits: int, live: float) -> Crowd:
    """So many ids held while sessions come and go evenly: each pool holds its share of all that come.

    Then the share p that is held of a pool of n, to which x come, is the solution of p = x/n (1 - p²).
    """
    sizes = pools(digits)
    held: dict[int, float] = {}
    coming = live
    for size in dict.fromkeys(sizes):
        load = coming / size
        tries = sizes.count(size)
        # The second form of the quadratic's solution, which takes no difference of near numbers.
        share = 2 * load / (1 + math.sqrt(1 + 4 * load * load)) if tries == 2 else load / (1 + load)
        held[size] = share * size
        coming *= share**tries
    return Crowd(sizes, held)


def simulate(digits: int, points: Sequence[int], chance: random.Random) -> Iterator[tuple[int, int, int]]:
    """Open sessions by chance up to the last point: (live ids, calls, failed creates) after each."""
    sizes = pools(digits)
    held = dict.fromkeys(sizes, 0)
    draw = chance.random
    live = 0
    for point in points:
        calls = failed = 0
        while live < point:
            for size in sizes:
                calls += 1
                if draw() * size >= held[size]:
                    held[size] += 1
                    live += 1
                    break
            else:
                failed += 1
        yield point, calls, failed


def sample(crowd: Crowd, creates: int, chance: random.Random) -> tuple[float, int]:
    """Calls per create and failed creates of so many, in a crowd that stays as it is."""
    shares = [crowd.held[size] / size for size in crowd.sizes]
    calls = failed = 0
    for _ in range(creates):
        for share in shares:
            calls += 1
            if chance.random() >= share:
                break
        else:
            failed += 1
    return calls / creates, failed


def live_at(digits: int, clashes: float) -> int:
    """How many live ids, coming and going evenly, make so many clashes per create."""
    low, high = 1.0, 1e15
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if even(digits, middle).calls - 1 < clashes else (low, middle)
    return round(low)


def _shares(crowd: Crowd) -> dict[int, float]:
    """Of the creates that come, the share that each pool takes."""
    shares = dict.fromkeys(crowd.sizes, 0.0)
    reached = 1.0
    for size in crowd.sizes:
        clash = min(1.0, crowd.held[size] / size)
        shares[size] += reached * (1 - clash)
        reached *= clash
    return shares


def _opened(crowd: Crowd, sessions: float) -> Crowd:
    shares = _shares(crowd)
    return Crowd(crowd.sizes, {size: crowd.held[size] + shares[size] * sessions for size in crowd.held})
