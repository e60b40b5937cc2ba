"""The coverage-guided fuzzer: runs every harness under atheris, starting from the committed corpus."""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts.project import ROOT
from tests.stress.fuzz.outcome import Outcome

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"
PYTHON = ROOT / "build" / "fuzz" / "bin" / "python"
FINDINGS = ROOT / "build" / "findings"
HARNESSES = ("http_events", "handshakes", "messages", "session_ids", "cursors", "tokens")
MAX_BYTES = 6000  # more than the largest request body that is accepted
SEED = 2026


def run(options: argparse.Namespace) -> Outcome:
    """Run each harness. Inputs that violate a property are saved in build/findings."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    counts = [_fuzz(harness, options.seconds, keep=options.keep) for harness in HARNESSES]
    total = sum(count or 0 for count in counts)
    return Outcome(None not in counts, f"{total:,} inputs in {len(HARNESSES)} harnesses")


def _fuzz(harness: str, seconds: int, *, keep: bool) -> int | None:
    """Return the number of inputs tried; None if one violated a property."""
    committed = CORPUS / harness
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        shutil.copytree(committed, corpus)
        options = {"max_total_time": seconds, "seed": SEED, "max_len": MAX_BYTES, "print_final_stats": 1}
        options |= {"dict": FOLDER / "words.dict", "artifact_prefix": FINDINGS / f"{harness}-"}
        process = _atheris(harness, options, corpus, timeout_s=seconds + 120)
        executed = re.search(r"number_of_executed_units: (\d+)", process.stdout)
        if process.returncode or not executed:
            print(process.stdout[-4000:])
            return None
        print(
            f"  {harness:12} {int(executed[1]):,} inputs, {len(list(corpus.iterdir()))} in the corpus",
            flush=True,
        )
        if keep:
            merged = Path(name) / "merged"
            merged.mkdir()
            _atheris(harness, {"merge": 1}, merged, corpus, timeout_s=600).check_returncode()
            shutil.rmtree(committed)
            shutil.copytree(merged, committed)
        return int(executed[1])


def _atheris(
    harness: str, options: dict[str, object], *folders: Path, timeout_s: int
) -> subprocess.CompletedProcess[str]:
    flags = [f"-{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [PYTHON, "-m", "tests.stress.fuzz.coverage_guided", harness, *flags, *folders],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
