"""Look for what nobody thought of: python -m tests.stress.fuzz [api] [machine] [guided] [--seconds 30].

All three, unless some are named. `--seconds` is for each harness; `--keep` has what they learn kept in
tests/stress/fuzz/corpus. Ends by itself; 1 when something was found.
"""

import argparse
import sys
import time

from tests.stress.fuzz import api, guided, machine

PARTS = {"api": api.run, "machine": machine.run, "guided": guided.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.fuzz", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=int, default=30, help="for each harness")
    parser.add_argument("--keep", action="store_true", help="what the harnesses have learnt")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    found = []
    for name in chosen.parts or PARTS:
        began = time.monotonic()
        print(f"== {name} ==", flush=True)
        fine = PARTS[name](chosen)
        print(
            f"{'Nothing found' if fine else 'FOUND SOMETHING'} in {time.monotonic() - began:.0f} s",
            flush=True,
        )
        found += [] if fine else [name]
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
