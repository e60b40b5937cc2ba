"""Compare how long refusals take, on the system that `make run` has started.

python -m tests.system.refusal_timing [--rounds 200]

Each round requests each refusal once, so that a busy moment of the machine affects all of them.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import requests

from scripts import local_system
from scripts.local.aws.user_pool import UserPool

TIMEOUT_S = 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.refusal_timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    running = local_system.find(chosen.work)
    if running is None or not running.ready:
        print("No system runs here. Start it with make run", file=sys.stderr)
        return 1
    took = measure(running, chosen.rounds)
    for name, times in took.items():
        ratio = median(times) / median(took["403"])
        print(f"{name:28}  median {median(times) * 1000:6.2f} ms, {ratio:.2f} of that of 403")
    return 0


def measure(running: local_system.RunningSystem, rounds: int) -> dict[str, list[float]]:
    """Return the seconds that each kind of refusal took, in each round."""
    user_pool = UserPool(running.aws_url, running.user_pool_id, running.user_pool_client_id)
    owner, stranger = (user_pool.access_token(name) for name in ("alice", "mallory"))
    with requests.Session() as http:
        created = http.post(
            f"{running.url}/sessions",
            json={"sourceLanguage": "en"},
            headers={"Authorization": f"Bearer {owner}"},
            timeout=TIMEOUT_S,
        )
        targets = {
            "403": created.headers["Location"],
            "404, unused id": "/sessions/holy-psalm-999999999",
            "404, impossible id": "/sessions/holy-psalm-1",
        }
        took: dict[str, list[float]] = {name: [] for name in targets}
        for _ in range(rounds):
            for name, path in targets.items():
                took[name].append(_refuse(http, f"{running.url}{path}", stranger, int(name[:3])))
    return took


def _refuse(http: requests.Session, url: str, token: str, status: int) -> float:
    while True:
        began = time.perf_counter()
        response = http.patch(
            url,
            json={"status": "paused"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )
        seconds = time.perf_counter() - began
        if response.status_code == status:
            return seconds
        assert response.status_code == 429, response.text
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
