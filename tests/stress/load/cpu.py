"""CPU time of this process and of all that it has started, by the part that each plays. Linux only."""

import os
from collections import Counter
from pathlib import Path

from tests.system.processes import descendants

TICKS = os.sysconf("SC_CLK_TCK")
GATEWAY, MOTO, GENERATOR = (
    "API Gateway, Lambda and streams (the local system)",
    "DynamoDB (moto)",
    "generator",
)


def cpu_ms(moto: int, generator: int) -> Counter[str]:
    """Milliseconds of user and system time so far: by function, and by the names above."""
    spent: Counter[str] = Counter()
    for process in descendants(os.getpid()):
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        user, system = fields[11:13]
        if "awslambdaric" in command:
            part = command[command.index("awslambdaric") + 1].split(".")[1]
        else:
            part = {moto: MOTO, generator: GENERATOR}.get(process.pid, GATEWAY)
        spent[part] += (int(user) + int(system)) * 1000 / TICKS
    return spent
