"""One harness under atheris: python -m tests.stress.fuzz.coverage_guided HARNESS [what libFuzzer takes].

How far an input gets in our code, in PyJWT's and in the harness itself tells the fuzzer what to try next.
"""

import importlib
import logging
import shlex
import sys

import atheris


def main() -> None:
    harness, *arguments = sys.argv[1:]
    logging.disable()  # each call would be logged
    with atheris.instrument_imports(include=["shared", "jwt", "tests.stress.fuzz.harnesses"]):
        check = importlib.import_module(f"tests.stress.fuzz.harnesses.{harness}").check
    # libFuzzer starts itself again to merge, by its first argument.
    itself = shlex.join([sys.executable, "-m", "tests.stress.fuzz.coverage_guided", harness])
    atheris.Setup([itself, *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
