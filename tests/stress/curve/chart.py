"""The chart docs/session-ids.svg: calls per create by live ids, for each setting of session_id_digits."""

import math
from collections.abc import Mapping, Sequence

from tests.stress.benchmarks.chart import STYLE
from tests.stress.curve.collisions import accumulated

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 400, 60, 20, 70, 50
FIRST, LAST = 3, 10  # powers of ten of live ids
MAX_CALLS = 5
FLOOR = HEIGHT - BOTTOM
NOTE = "Lines: formula. Dots: measured. Dashed: where to raise the setting"
_STYLE = (
    STYLE
    + """
path { fill: none; stroke-width: 2 }
.axis { stroke: #d1d9e0; stroke-width: 1 }
.d3 { stroke: #0969da }
.d6 { stroke: #1a7f37 }
.d9 { stroke: #9a6700 }
.raise { stroke: #8c959f; stroke-dasharray: 4 4 }
@media (prefers-color-scheme: dark) {
  .axis { stroke: #3d444d }
  .d3 { stroke: #4493f8 }
  .d6 { stroke: #3fb950 }
  .d9 { stroke: #d29922 }
}"""
)


def chart(measured: Sequence[tuple[int, float]], raise_at: Mapping[int, int]) -> str:
    """Return the SVG. `measured` are live ids and calls per create; `raise_at` maps digits to live ids."""
    title = "Calls of DynamoDB per create, by live session ids and session_id_digits"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style>",
        f'<text class="title" x="10" y="24">{title}</text>',
        f'<text class="note" x="10" y="44">{NOTE}</text>',
    ]
    for calls in range(1, MAX_CALLS + 1):
        lines += [
            f'<path class="axis" d="M{LEFT} {_y(calls):.1f}H{WIDTH - RIGHT}"/>',
            f'<text class="note" x="{LEFT - 10}" y="{_y(calls) + 4:.1f}" text-anchor="end">{calls}</text>',
        ]
    for power in range(FIRST, LAST + 1):
        x, label = _x(10**power), f"{10**power:,}" if power < 6 else f"10^{power}"
        lines.append(f'<text class="note" x="{x:.1f}" y="{FLOOR + 22}" text-anchor="middle">{label}</text>')
    for digits, live in raise_at.items():
        x, advice = _x(live), f"{digits} to {digits + 3} at {_short(live)}"
        lines += [
            f'<path class="raise" d="M{x:.1f} {TOP}V{FLOOR}"/>',
            f'<text class="note" x="{x - 6:.1f}" y="{TOP + 12}" text-anchor="end">{advice}</text>',
        ]
    for digits in (3, 6, 9):
        grid = [10 ** (FIRST + step / 20) for step in range((LAST - FIRST) * 20 + 1)]
        path = "L".join(
            f"{_x(live):.1f} {_y(accumulated(digits, live, steps=800).calls):.1f}" for live in grid
        )
        lines.append(f'<path class="d{digits}" d="M{path}"/>')
    # Each label where its curve is apart from the others.
    for digits, live in ((3, 3e6), (6, 6e8), (9, 4e9)):
        y = _y(accumulated(digits, live, steps=800).calls) - 10
        lines.append(f'<text x="{_x(live):.1f}" y="{y:.1f}" text-anchor="end">{digits} digits</text>')
    lines += [
        f'<circle class="ours" cx="{_x(live):.1f}" cy="{_y(calls):.1f}" r="5"/>' for live, calls in measured
    ]
    return "\n".join([*lines, "</svg>", ""])


def _x(live: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT - 20) * (math.log10(live) - FIRST) / (LAST - FIRST)


def _y(calls: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM - 20) * (calls - 1) / (MAX_CALLS - 1)


def _short(live: int) -> str:
    return f"{live / 1e6:.0f} million" if live >= 1e6 else f"{round(live, -3):,}"
