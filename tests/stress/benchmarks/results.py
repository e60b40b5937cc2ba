"""What one run has measured, and its targets."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.stress.benchmarks.contenders import OPERATIONS, Contender
from tests.stress.benchmarks.lambda_runtime import Cost

WITH_PYDANTIC = ("create_session", "update_session")
# Limits of our functions, as multiples of what the bare peer costs.
COLD = dict.fromkeys(OPERATIONS, 0.65) | dict.fromkeys(WITH_PYDANTIC, 0.88)
WEBSOCKET_COLD = {
    "connect_session": 0.75,
    "authorize_connection": 0.8,
    "publish_caption": 0.7,
    "change_language": 0.7,
}
WARM = 1.10
WEBSOCKET_WARM = {"send_audio": 1.3}  # it decodes and checks the audio, which its bare peer does not
PEAK = dict.fromkeys(OPERATIONS, 0.85) | dict.fromkeys(WITH_PYDANTIC, 0.92)
BYTES = dict.fromkeys(OPERATIONS, 1_500_000) | dict.fromkeys(WITH_PYDANTIC, 4_000_000)
# The least that a cold start of FastAPI with Mangum costs, as a multiple of ours.
FASTAPI = {"create_session": 3.5, "get_session": 4.0}


@dataclass
class Results:
    """Costs by contender, one per round; calls of AWS per invocation; CPU ms by function and stage."""

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
        """Return the bounds of the middle half of all rounds."""
        values = self.values(name, figure)
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        return low, high

    def ratio(self, name: str, other: str, figure: str) -> float:
        """Return the median of the ratios within a round, whose two sides ran in the same half minute."""
        pairs = zip(self.values(name, figure), self.values(other, figure), strict=True)
        return statistics.median(value / reference for value, reference in pairs)

    def ratio_to_bare(self, contender: Contender, figure: str) -> float | None:
        bare = f"bare: {contender.operation}"
        return self.ratio(contender.name, bare, figure) if bare in self.costs else None

    def stage_medians(self, function: str) -> list[float]:
        """Return CPU ms in the order of STAGES."""
        return [statistics.median(stage) for stage in zip(*self.stages[function], strict=True)]


@dataclass(frozen=True)
class Target:
    """One figure and its limit."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def targets(results: Results) -> list[Target]:
    """Return every target with the value that was measured."""

    def to_bare(function: str, figure: str) -> float:
        return results.ratio(f"ours: {function}", f"bare: {function}", figure)

    listed = []
    for function in OPERATIONS:
        listed += [
            Target(f"{function}: cold CPU of bare", to_bare(function, "cold_ms"), COLD[function]),
            Target(f"{function}: warm CPU of bare", to_bare(function, "warm_ms"), WARM),
            Target(f"{function}: peak memory of bare", to_bare(function, "peak_mb"), PEAK[function]),
            Target(f"{function}: bytes of its zip", results.sizes[function], BYTES[function]),
        ]
    for function, limit in WEBSOCKET_COLD.items():
        listed.append(Target(f"{function}: cold CPU of bare", to_bare(function, "cold_ms"), limit))
    for function, limit in WEBSOCKET_WARM.items():
        listed.append(Target(f"{function}: warm CPU of bare", to_bare(function, "warm_ms"), limit))
    for function, limit in FASTAPI.items():
        ratio = results.ratio(f"FastAPI + Mangum: {function}", f"ours: {function}", "cold_ms")
        listed.append(
            Target(f"{function}: cold CPU of FastAPI + Mangum, of ours", ratio, limit, at_least=True)
        )
    return listed + [
        Target(f"{contender.operation}: calls of AWS", results.calls[contender.name], contender.calls)
        for contender in results.contenders
        if contender.owner == "ours"
    ]
