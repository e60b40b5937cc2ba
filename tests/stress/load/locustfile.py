"""The generator's users, each a speaker who takes a turn at a fixed rate.

Run by tests.stress.load.generator."""

import itertools
import json
import os
import random
import time
from pathlib import Path

import gevent
from locust import FastHttpUser, task

from tests.stress.load.mix import NO_ANSWER, Answer, Event, Speaker, World

SETTINGS = json.loads(os.environ["LOAD"])
LEDGER = Path(SETTINGS["ledger"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the process
PERIOD_S = 1 / SETTINGS["rate_per_user"]
NUMBERS = itertools.count()
WORLD = World()


def record(event: Event) -> None:
    LEDGER.write(event.line() + "\n")


class User(FastHttpUser):
    host = SETTINGS["url"]
    network_timeout = connection_timeout = SETTINGS["patience_s"]

    def on_start(self) -> None:
        number = next(NUMBERS)
        name, token = SETTINGS["speakers"][number % len(SETTINGS["speakers"])]
        chance = random.Random(f"{SETTINGS['seed']} {number}")
        self.speaker = Speaker(
            name,
            token,
            world=WORLD,
            send=self.send,
            record=record,
            chance=chance,
            refusals=SETTINGS["refusals"],
        )
        gevent.sleep(chance.uniform(0, PERIOD_S))
        self.began = time.monotonic()

    def wait_time(self) -> float:
        # Until the next of its own moments, also after a late answer: else all users who have waited for one
        # slow start would send together from then on.
        return PERIOD_S - (time.monotonic() - self.began) % PERIOD_S

    @task
    def turn(self) -> None:
        self.speaker.turn()

    def send(
        self, method: str, path: str, *, name: str, headers: dict[str, str], body: object = None
    ) -> Answer:
        with self.client.request(
            method, path, name=name, headers=headers, json=body, catch_response=True
        ) as response:
            status = response.status_code or NO_ANSWER
            # What is an answer and what is an error is told from the ledger.
            response.success()
            if status == NO_ANSWER:
                return Answer(NO_ANSWER)
            content = response.text
            return Answer(status, dict(response.headers.items()), json.loads(content) if content else None)
