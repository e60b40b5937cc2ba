"""Every harness under atheris, one after the other, from the corpus that is kept here."""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = ROOT / "build" / "fuzz" / "bin" / "python"
FINDINGS = ROOT / "build" / "findings"
HARNESSES = ("http_events", "handshakes", "session_ids", "cursors", "tokens")
# A body may have 4,096 bytes, and longer ones are refused.
MAX_BYTES = 6000
SEED = 2026


def run(chosen: argparse.Namespace) -> bool:
    """Run each; say what it did, and where an input lies that broke a promise."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    fine = [_fuzz(harness, chosen.seconds, keep=chosen.keep) for harness in HARNESSES]
    return all(fine)


def _fuzz(harness: str, seconds: int, *, keep: bool) -> bool:
    kept = HERE / "corpus" / harness
    with tempfile.TemporaryDirectory() as name:
        learnt = Path(name) / "learnt"
        shutil.copytree(kept, learnt)
        options = {"max_total_time": seconds, "seed": SEED, "max_len": MAX_BYTES, "print_final_stats": 1}
        options |= {"dict": HERE / "words.dict", "artifact_prefix": FINDINGS / f"{harness}-"}
        said = _atheris(harness, options, learnt, timeout_s=seconds + 120)
        tried = re.search(r"number_of_executed_units: (\d+)", said.stdout)
        fine = said.returncode == 0 and tried is not None
        if not fine:
            print(said.stdout[-4000:])
        count = int(tried[1]) if tried else 0
        print(f"  {harness:12} {count:,} inputs, {len(list(learnt.iterdir()))} worth keeping", flush=True)
        if keep and fine:
            smallest = Path(name) / "smallest"
            smallest.mkdir()
            _atheris(harness, {"merge": 1}, smallest, learnt, timeout_s=600).check_returncode()
            shutil.rmtree(kept)
            shutil.copytree(smallest, kept)
        return fine


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
