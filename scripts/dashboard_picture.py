"""Draw docs/dashboard.svg: the dashboard as Terraform plans it, with sample data in place of CloudWatch's.

python -m scripts.dashboard_picture
"""

import json
import math
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from scripts import terraform

PICTURE = terraform.TERRAFORM_ROOT.parent / "docs/dashboard.svg"
SUITE = "tests/observability.tftest.hcl"

UNIT = 50  # pixels of one column of CloudWatch's grid of 24
ROW = 38  # pixels of one of its rows
MARGIN = 8
POINTS = 37  # every ten minutes from 8 to 14 o'clock
HOURS = ("08:00", "10:00", "12:00", "14:00")
LEGEND_LINES = 3

STYLE = """
    .page { fill: #f2f3f3 }
    .box { fill: #ffffff; stroke: #d5dbdb }
    .title { fill: #16191f; font-size: 13px; font-weight: 600 }
    .head { fill: #16191f; font-size: 19px; font-weight: 600 }
    .text { fill: #545b64; font-size: 11px }
    .grid { stroke: #eaeded; stroke-width: 1 }
    .limit { stroke: #d13212; stroke-width: 1.2; stroke-dasharray: 5 4 }
    .warning { fill: #b3290d; font-size: 10.5px }
    .line { fill: none; stroke-width: 1.7; stroke-linejoin: round }
    .quiet { fill: #1d8102 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0f141a }
      .box { fill: #161d26; stroke: #414d5c }
      .title, .head { fill: #f2f3f3 }
      .text { fill: #b6bec9 }
      .grid { stroke: #28323e }
      .warning { fill: #ff8a75 }
      .limit { stroke: #ff8a75 }
    }"""


class Sample(NamedTuple):
    """What a metric might say: its lowest and highest value, and whether it goes with the people there."""

    low: float
    high: float
    with_people: bool = False


# A quiet Sunday morning, by metric; what is not here stays at zero.
SAMPLES: Mapping[str, Sample] = {
    "SessionCreationCount": Sample(0, 42, with_people=True),
    "SessionDeletionCount": Sample(0, 30, with_people=True),
    "ListenerCount": Sample(2, 412, with_people=True),
    "SessionIdClashCount": Sample(0, 1.4, with_people=True),
    "ThrottledRequestCount": Sample(0, 3, with_people=True),
    "people": Sample(4, 2130, with_people=True),
    "Count": Sample(20, 900, with_people=True),
    "Latency": Sample(60, 240),
    "Duration": Sample(40, 900),
    "IteratorAge": Sample(90, 420),
}


class Line(NamedTuple):
    """One series of a graph."""

    label: str
    colour: str
    values: Sequence[float]


def planned_resources() -> list[dict[str, Any]]:
    """Every resource that the observability suite plans, as {"address", "type", "values"}.

    Raises TerraformFailed, TerraformMissing.
    """
    with tempfile.TemporaryDirectory() as data_folder:
        variables = terraform.environment(TF_DATA_DIR=data_folder)
        terraform.init(env=variables, backend=False, capture=True)
        done = terraform.run("test", "-verbose", "-json", f"-filter={SUITE}", env=variables, capture=True)
    messages = (json.loads(line) for line in done.stdout.splitlines())
    # The suite's first run plans what people rely on; the others, what they do not.
    plan = next(message["test_plan"] for message in messages if message["type"] == "test_plan")
    return [
        {"address": change["address"], "type": change["type"], "values": change["change"]["after"]}
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
    ]


def planned_widgets(resources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The widgets of the one dashboard among the resources."""
    (dashboard,) = [found for found in resources if found["type"] == "aws_cloudwatch_dashboard"]
    widgets: list[dict[str, Any]] = json.loads(dashboard["values"]["dashboard_body"])["widgets"]
    return widgets


def draw(widgets: Sequence[Mapping[str, Any]]) -> str:
    """The dashboard as SVG; the same widgets always give the same picture."""
    bottom = max(widget["y"] + widget["height"] for widget in widgets)
    width, height = 24 * UNIT + MARGIN, bottom * ROW + MARGIN + 20
    titles = "; ".join(_title(widget) for widget in widgets if _title(widget))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"',
        '     aria-labelledby="title desc" font-family="system-ui, Helvetica, Arial, sans-serif">',
        '  <title id="title">The dashboard, with sample data</title>',
        f'  <desc id="desc">{escape(titles)}</desc>',
        f"  <style>{STYLE}\n  </style>",
        f'  <rect class="page" width="{width}" height="{height}" rx="8"/>',
    ]
    for widget in widgets:
        x, y = widget["x"] * UNIT + MARGIN, widget["y"] * ROW + MARGIN
        w, h = widget["width"] * UNIT - MARGIN, widget["height"] * ROW - MARGIN
        parts.append(f'  <g transform="translate({x} {y})">')
        parts.append(f'    <rect class="box" width="{w}" height="{h}" rx="6"/>')
        parts.extend(f"    {shape}" for shape in _inside(widget, w, h))
        parts.append("  </g>")
    note = "Drawn by scripts/dashboard_picture.py from Terraform's definition; the data are a sample."
    parts.append(f'  <text class="text" x="{MARGIN + 4}" y="{height - 9}">{note}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _inside(widget: Mapping[str, Any], w: int, h: int) -> Iterator[str]:
    properties = widget["properties"]
    if widget["type"] == "text":
        head, *lines = properties["markdown"].replace("](", " (").replace("[", "").splitlines()
        yield _text(head.lstrip("# "), 14, 28, "head")
        for index, line in enumerate(lines):
            yield _text(line, 14, 50 + 15 * index)
        return
    yield _text(properties["title"], 12, 20, "title")
    if widget["type"] == "alarm":
        count = len(properties["alarms"])
        yield _text(f"{count} in all: each is green while it is quiet", 70, 20)
        for index in range(count):
            x, y = 12 + index % 50 * 23.4, 34 + index // 50 * 22
            yield f'<rect class="quiet" x="{x:g}" y="{y}" width="19" height="16" rx="3"/>'
        return
    lines = _lines(properties) if "metrics" in properties else []
    bars = [] if lines else _sampled("people", "people")
    yield from _graph(lines, bars, properties, w, h)


def _graph(
    lines: Sequence[Line], bars: Sequence[float], properties: Mapping[str, Any], w: int, h: int
) -> Iterator[str]:
    limits = properties.get("annotations", {}).get("horizontal", [])
    left, right, top, bottom = 50, w - 10, 34, h - 30 - 14 * LEGEND_LINES
    floor: float = properties.get("yAxis", {}).get("left", {}).get("min", 0)
    drawn = [value for line in lines for value in line.values]
    highest: float = max([*bars, *drawn, *(limit["value"] for limit in limits)])
    ceiling = 100.0 if floor else _round_up(max(highest, 1))

    def height_of(value: float) -> float:
        return bottom - (value - floor) / (ceiling - floor) * (bottom - top)

    for share in (0, 0.5, 1):
        value = floor + share * (ceiling - floor)
        y = height_of(value)
        yield f'<path class="grid" d="M{left} {y:.1f}H{right}"/>'
        yield _text(f"{value:,.10g}", left - 5, y + 4, "text", anchor="end")
    for index, hour in enumerate(HOURS):
        x = left + index / (len(HOURS) - 1) * (right - left)
        anchor = ("start", "middle", "middle", "end")[index]
        yield _text(hour, x, bottom + 14, "text", anchor=anchor)
    step = (right - left) / (POINTS - 1)
    for index, value in enumerate(bars[:-1]):
        y = height_of(value)
        yield (
            f'<rect x="{left + index * step:.1f}" y="{y:.1f}" width="{step - 1.5:.1f}"'
            f' height="{bottom - y:.1f}" fill="#9467bd"/>'
        )
    for line in lines:
        places = " ".join(
            f"{left + index * step:.1f},{height_of(min(value, ceiling)):.1f}"
            for index, value in enumerate(line.values)
        )
        yield f'<polyline class="line" stroke="{line.colour}" points="{places}"/>'
    for limit in limits:
        y = height_of(limit["value"])
        yield f'<path class="limit" d="M{left} {y:.1f}H{right}"/>'
        beside = y - 3 if y == top else y + 12
        yield _text(f"{limit['label']}: {limit['value']:,}", right, beside, "warning", anchor="end")
    yield from _legend(lines, w, bottom + 32)


def _legend(lines: Sequence[Line], w: int, y: int) -> Iterator[str]:
    columns = 1 if any(len(line.label) > 22 for line in lines) else 2
    room = LEGEND_LINES * columns
    shown = lines if len(lines) <= room else lines[: room - 1]
    for index, line in enumerate(shown):
        x, at = 14 + index % columns * (w / columns - 6), y + index // columns * 14
        yield f'<rect x="{x:g}" y="{at - 8}" width="9" height="9" rx="2" fill="{line.colour}"/>'
        yield _text(line.label, x + 14, at, "text")
    if len(shown) < len(lines):
        index = len(shown)
        x, at = 14 + index % columns * (w / columns - 6), y + index // columns * 14
        yield _text(f"and {len(lines) - index} more", x + 14, at, "text")


def _lines(properties: Mapping[str, Any]) -> list[Line]:
    """The visible series, each with its sample."""
    lines = []
    for metric in properties["metrics"]:
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        if options.get("visible", True):
            name = "" if "expression" in options else metric[1]
            label = options["label"]
            values = _sampled(name, label)
            if name == "" and properties["yAxis"]["left"]["min"]:
                values = [100 - value for value in _sampled_failures(label)]
            lines.append(Line(label, options["color"], values))
    return lines


def _sampled(metric: str, label: str) -> list[float]:
    sample = SAMPLES.get(metric, Sample(0, 0))
    shrink = 0.55 + 0.45 * _chance(metric, label)
    values = []
    for index in range(POINTS):
        # People gather for two services, the second one larger.
        people = math.exp(-(((index - 11) / 4.5) ** 2)) * 0.7 + math.exp(-(((index - 24) / 5) ** 2))
        noise = _chance(metric, label, str(index if sample.with_people else index // 4))
        share = people * (0.85 + 0.15 * noise) if sample.with_people else noise * 0.5
        values.append(round(sample.low + (sample.high - sample.low) * shrink * min(share, 1), 2))
    return values


def _sampled_failures(label: str) -> list[float]:
    """Percent of requests that failed in each hour."""
    return [round(0.06 * _chance(label, str(index // 6)) ** 3, 4) for index in range(POINTS)]


def _chance(*of: str) -> float:
    """From 0 to 1, always the same of the same words."""
    return zlib.crc32("/".join(of).encode()) % 1000 / 1000


def _round_up(value: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(value))
    return next(step * magnitude for step in (1, 2, 2.5, 5, 10) if step * magnitude >= value)


def _text(words: str, x: float, y: float, kind: str = "text", anchor: str = "start") -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.4g}" y="{y:.4g}"{place}>{escape(words)}</text>'


def _title(widget: Mapping[str, Any]) -> str:
    return str(widget["properties"].get("title", ""))


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(planned_widgets(planned_resources())))
    print(f"Drew {PICTURE.relative_to(Path.cwd()) if PICTURE.is_relative_to(Path.cwd()) else PICTURE}")


if __name__ == "__main__":
    main()
