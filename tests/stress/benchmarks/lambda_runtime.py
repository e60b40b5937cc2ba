"""One function process under Lambda's own runtime client, and what it costs in CPU time and memory.

Its server is a small Runtime API (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). CPU time
is read when a response arrives, while the process waits for the acknowledgement: teardown is not counted.
"""

import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.stress.benchmarks.contenders import Contender
from tests.stress.benchmarks.cpu_quota import cpu_quota, cpu_seconds
from tests.stress.benchmarks.servers import Handler, LocalServer


@dataclass(frozen=True)
class Cost:
    """CPU ms, user and system, from spawn to the first response, and of the median later one; peak memory.

    `wall_ms` is the time from the median later event to its response.
    """

    cold_ms: float
    warm_ms: float
    wall_ms: float
    peak_mb: float


class FunctionFailed(Exception):
    """The function did not answer as expected."""


def measure(
    python: Path, contender: Contender, env: dict[str, str], repeats: int, *, share: float | None = None
) -> Cost:
    """Start the function, send it its event 1 + `repeats` times, and stop it. Raises FunctionFailed.

    `share` is the part of a processor that the function gets; by default it gets what the machine has.
    """
    task_root = contender.path[0]
    with _RuntimeApi(contender.event, invocations=1 + repeats) as api:
        process = subprocess.Popen(
            [python, "-s", "-m", "awslambdaric", contender.handler],
            env={
                **env,
                "PYTHONPATH": os.pathsep.join(map(str, contender.path)),
                "LAMBDA_TASK_ROOT": str(task_root),
                "AWS_LAMBDA_RUNTIME_API": api.address,
            },
            cwd=task_root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        api.pid = process.pid
        output: list[str] = []
        reader = threading.Thread(target=lambda: output.extend(process.stdout))
        reader.start()
        with cpu_quota(process.pid, share) if share else contextlib.nullcontext():
            finished = api.finished.wait(timeout=60)
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
    statuses = {response.get("statusCode") for response in api.responses}
    # The answer to a message has the status 200, also if it is an error.
    refused = any('"type":"error"' in (response.get("body") or "") for response in api.responses)
    complete = finished and len(api.responses) == api.invocations and peak
    if not complete or statuses != {contender.status} or refused:
        raise FunctionFailed(
            f"{contender.name} responded with {statuses or 'nothing'}:\n{''.join(output)[-3000:]}"
        )
    later = [after - before for before, after in itertools.pairwise(api.cpu_seconds)]
    return Cost(
        cold_ms=api.cpu_seconds[0] * 1000,
        warm_ms=statistics.median(later) * 1000,
        wall_ms=statistics.median(api.wall_seconds[1:]) * 1000,
        peak_mb=int(peak[1]) / 1024,
    )


class _RuntimeApi(LocalServer):
    def __init__(self, event: dict, invocations: int) -> None:
        super().__init__(_RuntimeApiHandler)
        self.event = json.dumps(event).encode()
        self.invocations = invocations
        self.pid = 0
        self.ids = itertools.count(1)
        self.sent_at = 0.0
        self.cpu_seconds: list[float] = []
        self.wall_seconds: list[float] = []
        self.responses: list[dict] = []
        self.finished = threading.Event()


class _RuntimeApiHandler(Handler):
    server: _RuntimeApi

    def do_GET(self) -> None:  # noqa: N802 - named by http.server
        if self.server.finished.is_set():
            threading.Event().wait()  # as in Lambda: no event, no response
        self.server.sent_at = time.monotonic()
        self.respond(
            200,
            self.server.event,
            Content_Type="application/json",
            Lambda_Runtime_Aws_Request_Id=f"00000000-0000-4000-8000-{next(self.server.ids):012d}",
            Lambda_Runtime_Deadline_Ms=str(time.time_ns() // 1_000_000 + 60_000),
            Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:eu-west-1:123456789012:function:benchmark",
            Lambda_Runtime_Trace_Id="Root=1-00000000-000000000000000000000000;Sampled=0",
        )

    def do_POST(self) -> None:  # noqa: N802 - named by http.server
        self.server.cpu_seconds.append(cpu_seconds(self.server.pid))
        self.server.wall_seconds.append(time.monotonic() - self.server.sent_at)
        succeeded = self.path.endswith("/response")
        content = json.loads(self.content())
        if succeeded:
            self.server.responses.append(content)
        if not succeeded or len(self.server.responses) == self.server.invocations:
            self.server.finished.set()
        self.respond(202, b"{}")
