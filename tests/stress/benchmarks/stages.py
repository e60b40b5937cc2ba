"""Where the time of a cold start goes: the CPU clock is read between the steps of a function's start."""

import json
import subprocess
from pathlib import Path

# In the order in which they run. Each step loads what the ones before it have not loaded.
STAGES = (
    "Python",
    "Lambda's runtime client: import",
    "HTTP events and the domain, with the standard library",
    "pydantic and the request models",
    "SDK: import",
    "Handler: tables, use case and DynamoDB client",
    "First invocation, with its connection to DynamoDB",
)
_PROGRAM = """
import time
clock = [time.process_time_ns()]
import contextlib, importlib, importlib.util, io, json, sys
def end_of_stage():
    clock.append(time.process_time_ns())
import awslambdaric.bootstrap
end_of_stage()
import shared.startup, shared.events.http_api
end_of_stage()
if importlib.util.find_spec("shared.sessions.requests"):
    import shared.sessions.requests
end_of_stage()
import botocore.config, botocore.exceptions, botocore.parsers, botocore.session
end_of_stage()
function = importlib.import_module(f"functions.{sys.argv[1]}.handler")
end_of_stage()
with contextlib.redirect_stdout(io.StringIO()):
    response = function.handler(json.loads(sys.argv[2]), None)
end_of_stage()
print(json.dumps({"status": response["statusCode"], "clock": clock}))
"""


def measure_stages(
    python: Path, function: str, folder: Path, env: dict[str, str], event: dict, status: int
) -> list[float]:
    """Return the CPU ms of each of STAGES, for the function that lies in `folder`."""
    process = subprocess.run(
        [python, "-s", "-c", _PROGRAM, function, json.dumps(event)],
        env={**env, "PYTHONPATH": str(folder)},
        cwd=folder, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["status"] == status, process.stdout
    return [
        (after - before) / 1e6 for before, after in zip([0, *result["clock"]], result["clock"], strict=False)
    ]
