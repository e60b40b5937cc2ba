"""What one run has measured, and what is asked of it."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.stress.benchmarks.contenders import OPERATIONS, Contender
from tests.stress.benchmarks.lambda_runtime import Cost

# The most that each function may cost. As multiples of what the bare peer costs: cold CPU.
COLD = {
    "create_session": 0.8,
    "get_session": 0.6,
    "update_session": 0.8,
    "delete_session": 0.6,
    "health": 0.6,
}
CONNECTIONS_COLD = {"connect_session": 0.75, "authorize_connection": 0.8}
WARM = 1.05
PEAK = 0.85
BYTES = dict.fromkeys(COLD, 1_500_000) | {"create_session": 4_000_000, "update_session": 4_000_000}
# How many times more FastAPI with Mangum must need for a cold start, at least.
FASTAPI = 4.0


@dataclass
class Results:
    """Costs by contender, one per round; calls of DynamoDB per invocation; CPU ms by function and stage."""

    contenders: list[Contender]
    version: str
    runtime: str
    sizes: Mapping[str, int]
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)
    stages: dict[str, list[list[float]]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return len(next(iter(self.costs.values())))

    def values(self, name: str, figure: str) -> list[float]:
        return [getattr(cost, figure) for cost in self.costs[name]]

    def median(self, name: str, figure: str) -> float:
        return statistics.median(self.values(name, figure))

    def quartiles(self, name: str, figure: str) -> tuple[float, float]:
        """The middle half of all rounds."""
        values = self.values(name, figure)
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return low, high

    def ratio(self, name: str, other: str, figure: str) -> float:
        """The median of the ratios in each round: the two ran in the same half minute."""
        pairs = zip(self.values(name, figure), self.values(other, figure), strict=True)
        return statistics.median(own / theirs for own, theirs in pairs)

    def to_bare(self, one: Contender, figure: str) -> float | None:
        bare = f"bare: {one.operation}"
        return self.ratio(one.name, bare, figure) if bare in self.costs else None

    def stage_medians(self, function: str) -> list[float]:
        """In the order of STAGES."""
        return [statistics.median(stage) for stage in zip(*self.stages[function], strict=True)]


@dataclass(frozen=True)
class Target:
    """One thing that is asked."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def targets(results: Results) -> list[Target]:
    made = []
    for function in OPERATIONS:
        ours, bare = f"ours: {function}", f"bare: {function}"
        made += [
            Target(f"{function}: cold CPU of bare", results.ratio(ours, bare, "cold_ms"), COLD[function]),
            Target(f"{function}: warm CPU of bare", results.ratio(ours, bare, "warm_ms"), WARM),
            Target(f"{function}: peak memory of bare", results.ratio(ours, bare, "peak_mb"), PEAK),
            Target(f"{function}: bytes of its zip", results.sizes[function], BYTES[function]),
        ]
    for function, most in CONNECTIONS_COLD.items():
        ratio = results.ratio(f"ours: {function}", f"bare: {function}", "cold_ms")
        made.append(Target(f"{function}: cold CPU of bare", ratio, most))
    for function in ("create_session", "get_session"):
        times = results.ratio(f"FastAPI + Mangum: {function}", f"ours: {function}", "cold_ms")
        made.append(
            Target(f"{function}: cold CPU of FastAPI + Mangum, of ours", times, FASTAPI, at_least=True)
        )
    return made + [
        Target(f"{one.operation}: DynamoDB calls", results.calls[one.name], one.calls)
        for one in results.contenders
        if one.owner == "ours"
    ]
