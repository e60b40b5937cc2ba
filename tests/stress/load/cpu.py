"""CPU time of this process and its descendants, by component. Linux only."""

import os
from collections import Counter
from pathlib import Path

from tests.system.processes import descendants

TICKS = os.sysconf("SC_CLK_TCK")
LOCAL_SYSTEM = "API Gateway, Lambda and streams (local system)"
MOTO = "DynamoDB (moto)"
GENERATOR = "load generator"


def cpu_ms(moto: int, generator: int) -> Counter[str]:
    """Return milliseconds of user and system time, by function and by the names above. Arguments are pids."""
    spent: Counter[str] = Counter()
    for process in descendants(os.getpid()):
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode().split("\0")
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended meanwhile
        user, system = fields[11:13]
        if "awslambdaric" in command:
            component = command[command.index("awslambdaric") + 1].split(".")[1]
        else:
            component = {moto: MOTO, generator: GENERATOR}.get(process.pid, LOCAL_SYSTEM)
        spent[component] += round((int(user) + int(system)) * 1000 / TICKS)
    return spent
