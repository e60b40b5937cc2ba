"""A step of the start that is a Python module in a process of its own."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts import processes
from scripts.errors import StepFailed


def run(
    module: str,
    *arguments: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    on_parent_death: int = signal.SIGKILL,
) -> None:
    """Run `python -m MODULE ARGUMENTS` to its end, with its output in `log`.

    Raises StepFailed with the end of the output.
    """
    with log.open("wb") as output:
        process = processes.spawn(
            [sys.executable, "-m", module, *arguments],
            env=env,
            output=output,
            on_parent_death=on_parent_death,
        )
        try:
            status = process.wait()
        finally:
            processes.stop(process)
    if status:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise StepFailed(f"{end}\n\nThe whole log is {log}")
