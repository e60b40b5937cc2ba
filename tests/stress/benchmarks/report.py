"""The results as a table for the terminal, and as docs/performance.md."""

import os
import platform
import re
from pathlib import Path
from string import Template

from scripts.docs.markdown import markdown_table
from tests.stress.benchmarks.contenders import FASTAPI_COMPILED
from tests.stress.benchmarks.results import Results, Target, targets
from tests.stress.benchmarks.stages import STAGES

TEMPLATE = Path(__file__).with_name("performance.template.md")
HEAD = ("function", "cold CPU ms", "of bare", "warm CPU ms", "of bare", "peak MB", "of bare", "calls")


def rows(results: Results) -> list[tuple[str, ...]]:
    """One row per contender, in the order of HEAD: medians with the middle half of all rounds as spread."""
    made = []
    for one in results.contenders:
        cells = [one.name]
        for figure, digits in (("cold_ms", 0), ("warm_ms", 2), ("peak_mb", 1)):
            low, high = results.quartiles(one.name, figure)
            spread = "" if figure == "peak_mb" else f" ({low:.{digits}f}-{high:.{digits}f})"
            ratio = results.to_bare(one, figure)
            cells += [
                f"{results.median(one.name, figure):.{digits}f}{spread}",
                "" if ratio is None else f"{ratio:.2f}",
            ]
        made.append((*cells, f"{results.calls[one.name]:g}"))
    return made


def table(results: Results) -> str:
    """For the terminal."""
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
    """Each target with what was measured."""
    return "\n".join(f"{_verdict(target):6} {_asked(target)}" for target in targets(results))


def stage_rows(results: Results) -> list[tuple[str, ...]]:
    """Where the milliseconds of a cold start go, by function."""
    functions = list(results.stages)
    medians = {function: results.stage_medians(function) for function in functions}
    floor = results.median("floor: -", "cold_ms")
    loop = [max(0.0, floor - sum(medians[function][:2])) for function in functions]
    made = [
        (stage, *(f"{medians[function][i]:.1f}" for function in functions)) for i, stage in enumerate(STAGES)
    ]
    made.insert(2, ("Lambda's runtime client: logging, event, response", *(f"{ms:.1f}" for ms in loop)))
    sums = [sum(medians[function]) + extra for function, extra in zip(functions, loop, strict=True)]
    return [*made, ("**Sum**", *(f"**{ms:.1f}**" for ms in sums))]


def markdown(results: Results) -> str:
    """docs/performance.md: the template's prose with what was measured."""
    create = "ours: create_session"
    asked = targets(results)
    missed = sum(not target.met for target in asked)

    def times(owner: str) -> str:
        return f"{results.ratio(f'{owner}: create_session', create, 'cold_ms'):.1f}"

    return Template(TEMPLATE.read_text()).substitute(
        bare=f"{results.ratio(create, 'bare: create_session', 'cold_ms'):.2f}",
        fastapi=times("FastAPI + Mangum"),
        compiled=times(FASTAPI_COMPILED),
        powertools=times("Powertools"),
        run=f"{results.version}, {results.rounds} rounds; {machine()}",
        costs=markdown_table(HEAD, rows(results)),
        missed=f"Missed: {missed} of {len(asked)}." if missed else "Everything is met.",
        targets=markdown_table(("", "what", "measured", "asked"), [_target_row(target) for target in asked]),
        stages=markdown_table(("step", *results.stages), stage_rows(results)),
    )


def machine() -> str:
    """The machine in words: processors, system, Python; no names."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = cpu[1].strip() if cpu else platform.machine()
    load = os.getloadavg()[2] / (os.cpu_count() or 1)
    return (
        f"{os.cpu_count()} processors ({model}), {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}, load per processor {load:.1f}"
    )


def _verdict(target: Target) -> str:
    return "met" if target.met else "MISSED"


def _asked(target: Target) -> str:
    return f"{target.name}: {_number(target.value)}, {_limit(target)}"


def _target_row(target: Target) -> tuple[str, ...]:
    return _verdict(target), target.name, _number(target.value), _limit(target)


def _limit(target: Target) -> str:
    return f"{'at least' if target.at_least else 'at most'} {_number(target.limit)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value > 1000 else f"{value:.3g}"
