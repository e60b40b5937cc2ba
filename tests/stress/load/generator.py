"""Locust, in a virtual environment and a process of its own (requirements/load.txt)."""

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
from tests.stress.load.mix import Event

if TYPE_CHECKING:
    import subprocess

LOCUST = ROOT / "build" / "load" / "bin" / "locust"
STARTS_WITHIN_S = 30


class Load:
    """Requests that are being sent; `pid` is the generator's."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", ledger: Path, log: Path, patience_s: float
    ) -> None:
        self.pid = process.pid
        self._process, self._ledger, self._log, self._patience_s = process, ledger, log, patience_s

    def wait_for_first(self) -> None:
        """Return as soon as an answer has come. Raises RuntimeError."""
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._ledger.stat().st_size:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The generator does not send: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Have every user end its turn. Raises RuntimeError when it or a user had failed before."""
        failed = self._process.poll() is not None
        self._process.terminate()
        self._process.wait(self._patience_s + 5)
        said = self._log.read_text()
        if failed or "Traceback" in said:
            raise RuntimeError(f"The generator failed: {said[max(0, said.find('Traceback')) :][:2000]}")

    def events(self) -> list[Event]:
        """Return all that was sent and answered so far."""
        lines = self._ledger.read_text().splitlines(keepends=True)
        return [Event(**json.loads(line)) for line in lines if line.endswith("\n")]


@contextmanager
def load(
    url: str,
    speakers: list[tuple[str, str]],
    *,
    users: int,
    rate: float,
    seed: int,
    patience_s: float,
    refusals: bool = False,
) -> Iterator[Load]:
    """Send `rate` requests per second to `url` by so many users, who share `speakers`: (name, token)."""
    with tempfile.TemporaryDirectory() as folder:
        ledger, log = Path(folder) / "ledger", Path(folder) / "log"
        ledger.touch()
        settings = {
            "url": url,
            "speakers": speakers,
            "rate_per_user": rate / users,
            "seed": seed,
            "patience_s": patience_s,
            "refusals": refusals,
            "ledger": str(ledger),
        }
        env = {**os.environ, "LOAD": json.dumps(settings), "PYTHONPATH": str(ROOT)}
        command = [
            str(LOCUST),
            "--locustfile",
            "tests/stress/load/locustfile.py",
            "--headless",
            "--only-summary",
        ]
        with log.open("wb") as output:
            process = processes.spawn(
                [*command, "--users", str(users), "--spawn-rate", str(users), "--loglevel", "WARNING",
                 "--stop-timeout", str(patience_s), "--exit-code-on-error", "0"],
                env=env,
                output=output,
            )  # fmt: skip
            running = Load(process, ledger, log, patience_s)
            try:
                yield running
            finally:
                processes.stop(process)
