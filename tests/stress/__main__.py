"""Run the stress tests, one after the other.

python -m tests.stress [--record] [part ...]

Runs every part unless some are named, each as a process of its own. `python -m tests.stress.<part> --help`
shows the options of a part. Exits with 1 if a part failed.
"""

import argparse
import subprocess
import sys
import time

from scripts.command_line import report_progress
from scripts.project import ROOT

PARTS = {
    "load": "send requests to the local system; measure latencies, errors and CPU time (2 minutes)",
    "curve": "measure creates as session ids fill up, and joins as a session fills up (2 minutes)",
    "faults": "inject faults into DynamoDB under load, and audit what was acknowledged (5 minutes)",
    "attacks": "change a session all the time, and measure how long a stranger's end waits (1 minute)",
    "fan_out": "measure the CPU time of messages to an audience, and of its dismissal (2 minutes)",
    "captions": "measure how long captions take to up to 500 listeners of the local system (3 minutes)",
    "audio": "measure how long 1,000 chunks of audio take to be accepted (2 minutes)",
    "pages": "measure how long captions take from page to page, in Chromium (1 minute)",
    "scale": "simulate up to 10,000 sessions, captions, and 5,000 phones at the door of one (6 minutes)",
    "fuzz": "fuzz the API by its document, by state machines and by code coverage (15 minutes)",
    "mutation": "make every small change to shared/, and check that a test fails (15 minutes)",
}
# Parts that need more than `.venv` has.
INTERPRETERS = {"pages": ROOT / "build" / "browser" / "bin" / "python"}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.stress",
        description="Run the stress tests: every part, or those that are named.",
        epilog="\n".join(f"{name:10}{description}" for name, description in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument(
        "--record", action="store_true", help="write the results that docs/reliability.md quotes"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part: {', '.join(sorted(unknown))} (parts: {', '.join(PARTS)})")
    results = {}
    for part in options.parts or PARTS:
        report_progress(f"\n== {part}: {PARTS[part]} ==")
        began = time.monotonic()
        interpreter = INTERPRETERS.get(part, sys.executable)
        command = [str(interpreter), "-m", f"tests.stress.{part}", *(["--record"] if options.record else [])]
        exit_code = subprocess.run(command, cwd=ROOT, check=False).returncode
        results[part] = f"{'failed' if exit_code else 'passed'} after {time.monotonic() - began:.0f} s"
    print()
    for part, result in results.items():
        print(f"{part:10}{result}")
    return int(any(result.startswith("failed") for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
