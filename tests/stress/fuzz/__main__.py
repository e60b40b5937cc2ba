"""Fuzz the API and its parsers.

python -m tests.stress.fuzz [api] [machine] [guided] [--seconds 30] [--keep] [--record]

Runs all three fuzzers unless some are named. `--seconds` is the time of each harness of the guided fuzzer;
`--keep` adds the inputs that reach new code to tests/stress/fuzz/corpus. Exits with 1 if a fuzzer found
something.
"""

import argparse
import sys
import time

from tests.stress import results
from tests.stress.fuzz import api, guided, machine

FUZZERS = {"api": api.run, "machine": machine.run, "guided": guided.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.fuzz", description=__doc__)
    parser.add_argument("fuzzers", nargs="*", metavar="fuzzer", help=f"of {', '.join(FUZZERS)}")
    parser.add_argument("--seconds", type=int, default=30, help="time of each harness")
    parser.add_argument("--keep", action="store_true", help="add inputs to the corpus")
    parser.add_argument("--record", action="store_true", help="write tests/stress/fuzz/last_run.csv")
    options = parser.parse_args()
    if unknown := set(options.fuzzers) - set(FUZZERS):
        parser.error(f"unknown fuzzer: {', '.join(sorted(unknown))}")
    names = options.fuzzers or list(FUZZERS)
    rows = []
    for name in names:
        print(f"== {name} ==", flush=True)
        began = time.monotonic()
        outcome = FUZZERS[name](options)
        rows.append((name, "passed" if outcome.passed else "FAILED", outcome.summary))
        print(f"{rows[-1][1]} in {time.monotonic() - began:.0f} s: {outcome.summary}", flush=True)
    failed = [name for name, status, _ in rows if status == "FAILED"]
    summaries = "; ".join(f"{name}: {text}" for name, _, text in rows)
    summary = f"{summaries}. Fuzzers with findings: {', '.join(failed) or 'none'}."
    print(summary)
    if options.record:
        results.record("fuzz", summary, {"last_run": results.Table(("fuzzer", "result", "summary"), rows)})
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
