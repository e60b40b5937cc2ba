"""The results of stress runs: printed tables, and the data of the last recorded run.

`--record` makes a part write its summary to tests/stress/last_runs.json, which docs/reliability.md quotes,
and its table to last_run.csv in its own folder.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.stress.benchmarks.report import machine

FOLDER = Path(__file__).parent
LAST_RUNS = FOLDER / "last_runs.json"


class Table(NamedTuple):
    """A table of results; every row has one cell per column of the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        """Return the table with aligned columns."""
        lines = [[str(cell) for cell in line] for line in (self.head, *self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        )


def record(part: str, summary: str, tables: Mapping[str, Table]) -> None:
    """Write the summary of a run, and its tables by file name (without `.csv`)."""
    runs = json.loads(LAST_RUNS.read_text())
    runs[part] = {"summary": summary, "machine": machine()}
    LAST_RUNS.write_text(json.dumps(runs, indent=2) + "\n")
    for name, table in tables.items():
        with (FOLDER / part / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([table.head, *table.rows])
