"""Locust's users: each is a speaker who sends requests at a fixed rate.

tests.stress.load.generator runs this file.
"""

import itertools
import json
import os
import random
import time
from pathlib import Path

import gevent
from locust import FastHttpUser, task

from tests.stress.load.workload import NO_RESPONSE, Exchange, KnownSessions, Response, User

SETTINGS = json.loads(os.environ["LOAD"])
EXCHANGES = Path(SETTINGS["exchanges"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the process
PERIOD_S = 1 / SETTINGS["rate_per_user"]
NUMBERS = itertools.count()
KNOWN = KnownSessions()


def record(exchange: Exchange) -> None:
    EXCHANGES.write(exchange.to_json() + "\n")


class LocustUser(FastHttpUser):
    host = SETTINGS["url"]
    network_timeout = connection_timeout = SETTINGS["timeout_s"]

    def on_start(self) -> None:
        number = next(NUMBERS)
        name, token = SETTINGS["speakers"][number % len(SETTINGS["speakers"])]
        rng = random.Random(f"{SETTINGS['seed']} {number}")
        self.user = User(
            name, token, known=KNOWN, send=self.send, record=record, rng=rng, refusals=SETTINGS["refusals"]
        )
        gevent.sleep(rng.uniform(0, PERIOD_S))
        self.began = time.monotonic()

    def wait_time(self) -> float:
        # Until this user's next slot, also after a late response: otherwise users that a cold start has
        # delayed would send at the same time from then on.
        return PERIOD_S - (time.monotonic() - self.began) % PERIOD_S

    @task
    def send_request(self) -> None:
        self.user.send_request()

    def send(
        self, method: str, path: str, *, name: str, headers: dict[str, str], body: object = None
    ) -> Response:
        with self.client.request(
            method, path, name=name, headers=headers, json=body, catch_response=True
        ) as response:
            status = response.status_code or NO_RESPONSE
            response.success()  # the audit judges the responses, not Locust
            if status == NO_RESPONSE:
                return Response(NO_RESPONSE)
            content = response.text
            return Response(status, dict(response.headers.items()), json.loads(content) if content else None)
