"""Where the time of a cold start goes: the CPU clock is read between the steps of a function's start."""

import json
import subprocess
from pathlib import Path

# In the order in which they run. The runtime client's loop is what the floor costs beyond its import.
STAGES = (
    "Python",
    "Lambda's runtime client: import",
    "HTTP edge and domain, with the standard library that they need",
    "pydantic and the request models",
    "SDK: import",
    "Table and wiring",
    "SDK: client",
    "The door",
    "First call of DynamoDB, with its connection",
)
_PROGRAM = """
import time
clock = [time.process_time_ns()]
import contextlib, importlib, io, json, sys
def passed():
    clock.append(time.process_time_ns())
import awslambdaric.bootstrap
passed()
import shared.http_api
passed()
if sys.argv[1] in ("create_session", "update_session"):
    import shared.sessions.requests
passed()
import botocore.config, botocore.exceptions, botocore.parsers, botocore.session
passed()
from shared import wiring
passed()
wiring.store()
passed()
door = importlib.import_module(f"functions.{sys.argv[1]}.handler")
passed()
said = io.StringIO()
with contextlib.redirect_stdout(said):
    response = door.handler(json.loads(sys.argv[2]), None)
passed()
print(json.dumps({"status": response["statusCode"], "clock": clock}))
"""


def measure_stages(
    python: Path, function: str, folder: Path, env: dict[str, str], event: dict, status: int
) -> list[float]:
    """Return the CPU ms of each of STAGES, for the function that lies in `folder`."""
    ran = subprocess.run(
        [python, "-s", "-c", _PROGRAM, function, json.dumps(event)],
        env={**env, "PYTHONPATH": str(folder)},
        cwd=folder, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["status"] == status, ran.stdout
    return [(after - before) / 1e6 for before, after in zip([0, *told["clock"]], told["clock"], strict=False)]
