"""The table of docs/reliability.md: the summary of each stress test's last recorded run."""

import json

from scripts.docs.markdown import markdown_table, replace_section
from scripts.project import ROOT

LAST_RUNS = ROOT / "tests" / "stress" / "last_runs.json"


def page() -> str:
    """Return docs/reliability.md with the current summaries."""
    runs = json.loads(LAST_RUNS.read_text())
    table = markdown_table(
        ("part", "last recorded run", "machine"),
        [(part, run["summary"], run["machine"]) for part, run in runs.items()],
        left=3,
    )
    return replace_section((ROOT / "docs" / "reliability.md").read_text(), "runs", table)
