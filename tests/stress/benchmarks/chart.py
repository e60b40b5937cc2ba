"""docs/performance.svg: one bar per peer, readable on light and dark pages."""

from html import escape

from tests.stress.benchmarks.contenders import FASTAPI_COMPILED, FRAMEWORKS
from tests.stress.benchmarks.results import Results

WIDTH, LABEL, BAR, STEP, TOP = 800, 260, 22, 34, 64
OURS = "ours: create_session"
STYLE = """\
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.note { font-size: 12px; fill: #59636e }
.ours { fill: #0969da }
.theirs { fill: #8c959f }
.own { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .ours { fill: #4493f8 }
  .theirs { fill: #656c76 }
}"""


def chart(results: Results) -> str:
    """Return the chart of create's cold CPU ms: medians, with the same ratios to ours as the tables."""
    names = {
        "an empty function": "floor: -",
        "this service": OURS,
        "bare boto3, validates nothing": "bare: create_session",
        **{owner: f"{owner}: create_session" for owner in FRAMEWORKS},
        FASTAPI_COMPILED: f"{FASTAPI_COMPILED}: create_session",
    }
    costs = {label: results.median(name, "cold_ms") for label, name in names.items()}
    scale = (WIDTH - LABEL - 130) / max(costs.values())
    height = TOP + STEP * len(costs) + 14
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Cold start of POST /sessions in milliseconds of CPU time</title>",
        f"<style>\n{STYLE}\n</style>",
        '<text class="title" x="10" y="24">Cold start of POST /sessions, CPU milliseconds</text>',
        '<text class="note" x="10" y="44">Spawn to first response, under Lambda\'s runtime client</text>',
    ]
    for number, (label, cost) in enumerate(sorted(costs.items(), key=lambda pair: pair[1])):
        own = names[label] == OURS
        bar, font = ("ours", "own") if own else ("theirs", "other")
        y = TOP + STEP * number
        middle = y + BAR / 2 + 4.5
        length = cost * scale
        times = results.ratio(names[label], OURS, "cold_ms")
        figure = f"{cost:.0f}" if times <= 1 else f"{cost:.0f} ({times:.1f} times)"
        lines += [
            f'<text class="{font}" x="{LABEL - 10}" y="{middle}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{bar}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" rx="3"/>',
            f'<text class="{font}" x="{LABEL + length + 8:.1f}" y="{middle}">{figure}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
