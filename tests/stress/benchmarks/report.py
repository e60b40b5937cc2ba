"""The results as a table for the terminal, and as docs/performance.md."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from string import Template

from scripts.docs.markdown import markdown_table
from scripts.project import ROOT
from tests.stress.benchmarks.contenders import FASTAPI_COMPILED
from tests.stress.benchmarks.results import Results, targets
from tests.stress.benchmarks.stages import STAGES

TEMPLATE = Path(__file__).with_name("performance.template.md")
HEAD = ("function", "cold CPU ms", "of bare", "warm CPU ms", "of bare", "peak MB", "of bare", "calls")


def rows(results: Results) -> list[tuple[str, ...]]:
    """Return a row per contender, in the order of HEAD: medians, and the middle half of all rounds."""
    table = []
    for contender in results.contenders:
        cells = [contender.name]
        for figure, digits in (("cold_ms", 0), ("warm_ms", 2), ("peak_mb", 1)):
            low, high = results.quartiles(contender.name, figure)
            spread = "" if figure == "peak_mb" else f" ({low:.{digits}f}-{high:.{digits}f})"
            ratio = results.ratio_to_bare(contender, figure)
            cells += [
                f"{results.median(contender.name, figure):.{digits}f}{spread}",
                "" if ratio is None else f"{ratio:.2f}",
            ]
        table.append((*cells, f"{results.calls[contender.name]:g}"))
    return table


def table(results: Results) -> str:
    """Return the rows as a table for the terminal."""
    lines = [HEAD, *rows(results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def verdicts(results: Results) -> str:
    """Return a line per target, for the terminal."""
    return "\n".join(
        f"{verdict:6} {name}: {value}, {limit}" for verdict, name, value, limit in target_rows(results)
    )


def target_rows(results: Results) -> list[tuple[str, str, str, str]]:
    """Return for each target whether it is met, its name, the measured value and the limit."""
    return [
        (
            "met" if target.met else "MISSED",
            target.name,
            _number(target.value),
            f"{'at least' if target.at_least else 'at most'} {_number(target.limit)}",
        )
        for target in targets(results)
    ]


def stage_rows(results: Results) -> list[tuple[str, ...]]:
    """Return the CPU milliseconds of each stage of a cold start, by function."""
    functions = list(results.stages)
    medians = {function: results.stage_medians(function) for function in functions}
    floor = results.median("floor: -", "cold_ms")
    loop = [max(0.0, floor - sum(medians[function][:2])) for function in functions]
    table = [
        (stage, *(f"{medians[function][i]:.1f}" for function in functions)) for i, stage in enumerate(STAGES)
    ]
    table.insert(2, ("Lambda's runtime client: logging, event, response", *(f"{ms:.1f}" for ms in loop)))
    sums = [sum(medians[function]) + extra for function, extra in zip(functions, loop, strict=True)]
    return [*table, ("**Sum**", *(f"**{ms:.1f}**" for ms in sums))]


def markdown(results: Results) -> str:
    """Return docs/performance.md: the template's text with the measured figures."""
    create = "ours: create_session"
    missed = sum(not target.met for target in targets(results))
    warm_calls = subprocess.run(
        [sys.executable, "-m", "tests.stress.benchmarks.warm_calls"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    def multiple(owner: str) -> str:
        return f"{results.ratio(f'{owner}: create_session', create, 'cold_ms'):.1f}"

    return Template(TEMPLATE.read_text()).substitute(
        bare=f"{results.ratio(create, 'bare: create_session', 'cold_ms'):.2f}",
        get=f"{results.ratio('ours: get_session', 'bare: get_session', 'cold_ms'):.2f}",
        fastapi=multiple("FastAPI + Mangum"),
        compiled=multiple(FASTAPI_COMPILED),
        powertools=multiple("Powertools"),
        run=f"{results.version}, {results.rounds} rounds; {machine()}",
        costs=markdown_table(HEAD, rows(results)),
        missed=f"{missed} of {len(targets(results))} are missed." if missed else "All are met.",
        targets=markdown_table(("", "target", "measured", "limit"), target_rows(results)),
        warm_calls=warm_calls.stdout.strip(),
        stages=markdown_table(("step", *results.stages), stage_rows(results)),
    )


def machine() -> str:
    """Describe this machine without its names: processors, memory, system, Python, load."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = cpu[1].strip() if cpu else platform.machine()
    load = os.getloadavg()[2] / (os.cpu_count() or 1)
    return (
        f"{os.cpu_count()} processors ({model}), {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, load per processor {load:.1f}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value > 1000 else f"{value:.3g}"
