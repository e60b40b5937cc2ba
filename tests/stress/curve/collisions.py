"""Collisions of session ids: how many ids a create tries when many are held, by formula and by simulation.

An id is drawn uniformly from its pool, so only the number of held ids in a pool matters.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.sessions import ids


def pools(digits: int) -> tuple[int, ...]:
    """Return the size of the pool that each of the five tries draws from, as the service draws them."""
    sizes: list[int] = []

    def draw(_attempt: int, size: int) -> int:
        sizes.append(size)
        return 0

    for _ in ids.candidates(digits, draw):
        pass
    return tuple(sizes)


@dataclass(frozen=True)
class Occupancy:
    """The number of held ids in each pool, and what follows for the next create."""

    sizes: tuple[int, ...]
    held: dict[int, float]

    @property
    def first_try_collides(self) -> float:
        """The probability that the first try collides."""
        return self.held[self.sizes[0]] / self.sizes[0]

    @property
    def calls(self) -> float:
        """The expected calls per create: 1 + p + p² + p²q + p²q², with p and q the held shares."""
        return sum(self._all_collide(tries) for tries in range(len(self.sizes)))

    @property
    def all_tries_collide(self) -> float:
        """The probability that all five tries collide and the create is refused with 503."""
        return self._all_collide(len(self.sizes))

    def _all_collide(self, tries: int) -> float:
        return math.prod(self.held[size] / size for size in self.sizes[:tries])


def accumulated(digits: int, live: float, steps: int = 4000) -> Occupancy:
    """Return the occupancy after `live` creates without any expiry, which is the worst case.

    With h of n ids held, one of two tries in the pool succeeds with probability 1 - (h/n)², so h = n
    tanh(live/n).
    """
    sizes = pools(digits)
    occupancy = Occupancy(sizes, dict.fromkeys(sizes, 0.0))
    grid = [0.0, *(live ** (step / steps) for step in range(steps + 1))]
    for before, after in pairwise(grid):
        middle = _after_creates(occupancy, (after - before) / 2)
        rates = _shares(middle)
        occupancy = Occupancy(
            sizes, {size: occupancy.held[size] + rates[size] * (after - before) for size in occupancy.held}
        )
    return occupancy


def steady(digits: int, live: float) -> Occupancy:
    """Return the occupancy with `live` held ids while as many sessions expire as are created.

    The held share p of a pool of n ids that x creates reach is the solution of p = x/n (1 - p²).
    """
    sizes = pools(digits)
    held: dict[int, float] = {}
    reaching = live
    for size in dict.fromkeys(sizes):
        load = reaching / size
        tries = sizes.count(size)
        # This form of the quadratic formula does not subtract nearly equal numbers.
        share = 2 * load / (1 + math.sqrt(1 + 4 * load * load)) if tries == 2 else load / (1 + load)
        held[size] = share * size
        reaching *= share**tries
    return Occupancy(sizes, held)


def simulate(digits: int, points: Sequence[int], rng: random.Random) -> Iterator[tuple[int, int, int]]:
    """Simulate creates up to each point. Yield live ids, calls and failed creates since the last point."""
    sizes = pools(digits)
    held = dict.fromkeys(sizes, 0)
    draw = rng.random
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


def sample(occupancy: Occupancy, creates: int, rng: random.Random) -> tuple[float, int]:
    """Simulate creates at a constant occupancy. Return calls per create and the number of failed creates."""
    shares = [occupancy.held[size] / size for size in occupancy.sizes]
    calls = failed = 0
    for _ in range(creates):
        for share in shares:
            calls += 1
            if rng.random() >= share:
                break
        else:
            failed += 1
    return calls / creates, failed


def live_at(digits: int, collisions: float) -> int:
    """Return the number of live ids, in steady state, at which a create has this many collisions."""
    low, high = 1.0, 1e15
    while high / low > 1.0001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if steady(digits, middle).calls - 1 < collisions else (low, middle)
    return round(low)


def _shares(occupancy: Occupancy) -> dict[int, float]:
    """Return the share of creates that end in each pool."""
    shares = dict.fromkeys(occupancy.sizes, 0.0)
    reached = 1.0
    for size in occupancy.sizes:
        collides = min(1.0, occupancy.held[size] / size)
        shares[size] += reached * (1 - collides)
        reached *= collides
    return shares


def _after_creates(occupancy: Occupancy, creates: float) -> Occupancy:
    shares = _shares(occupancy)
    return Occupancy(
        occupancy.sizes, {size: occupancy.held[size] + shares[size] * creates for size in occupancy.held}
    )
