"""One harness under atheris: python -m tests.stress.fuzz.coverage_guided HARNESS [libFuzzer options].

Coverage of our code, of PyJWT and of the harness itself guides the choice of the next input.
"""

import importlib
import logging
import shlex
import sys

import atheris


def main() -> None:
    harness, *arguments = sys.argv[1:]
    logging.disable()  # every call would be logged
    with atheris.instrument_imports(include=["shared", "jwt", "tests.stress.fuzz.harnesses"]):
        check = importlib.import_module(f"tests.stress.fuzz.harnesses.{harness}").check
    # To merge, libFuzzer starts itself again with its first argument.
    command = shlex.join([sys.executable, "-m", "tests.stress.fuzz.coverage_guided", harness])
    atheris.Setup([command, *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
