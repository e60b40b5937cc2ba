"""The load generator: Locust, in a process and an environment of its own (requirements/load.txt)."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import processes
from scripts.project import ROOT
from tests.stress.load.workload import Exchange

if TYPE_CHECKING:
    import subprocess

LOCUST = ROOT / "build" / "load" / "bin" / "locust"
STARTS_WITHIN_S = 30


class Generator:
    """A running load generator."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", exchanges: Path, log: Path, timeout_s: float
    ) -> None:
        self.pid = process.pid
        self._process, self._exchanges, self._log, self._timeout_s = process, exchanges, log, timeout_s

    def wait_for_first(self) -> None:
        """Return when the first response has arrived. Raises RuntimeError."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._exchanges.stat().st_size:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The generator sends nothing: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop after the pending requests. Raises RuntimeError if the generator or a user has failed."""
        failed = self._process.poll() is not None
        self._process.terminate()
        self._process.wait(self._timeout_s + 5)
        output = self._log.read_text()
        if failed or "Traceback" in output:
            raise RuntimeError(f"The generator failed: {output[max(0, output.find('Traceback')) :][:2000]}")

    def exchanges(self) -> list[Exchange]:
        """Return the requests that have got their responses so far."""
        lines = self._exchanges.read_text().splitlines(keepends=True)
        return [Exchange(**json.loads(line)) for line in lines if line.endswith("\n")]


@contextmanager
def load(
    url: str,
    speakers: list[tuple[str, str]],
    *,
    users: int,
    rate: float,
    seed: int,
    timeout_s: float,
    refusals: bool = False,
) -> Iterator[Generator]:
    """Send `rate` requests per second to `url`. The users share `speakers`, which are names and tokens."""
    with tempfile.TemporaryDirectory() as folder:
        exchanges, log = Path(folder) / "exchanges", Path(folder) / "log"
        exchanges.touch()
        settings = {
            "url": url,
            "speakers": speakers,
            "rate_per_user": rate / users,
            "seed": seed,
            "timeout_s": timeout_s,
            "refusals": refusals,
            "exchanges": str(exchanges),
        }
        env = {**os.environ, "LOAD": json.dumps(settings), "PYTHONPATH": str(ROOT)}
        command = [
            str(LOCUST), "--locustfile", "tests/stress/load/locustfile.py", "--headless", "--only-summary",
            "--users", str(users), "--spawn-rate", str(users), "--loglevel", "WARNING",
            "--stop-timeout", str(timeout_s), "--exit-code-on-error", "0",
        ]  # fmt: skip
        with log.open("wb") as output:
            process = processes.spawn(command, env=env, output=output)
            try:
                yield Generator(process, exchanges, log, timeout_s)
            finally:
                processes.stop(process)
