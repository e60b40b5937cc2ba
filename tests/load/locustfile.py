"""The generator's users, each a speaker who takes a turn at a fixed rate. Run by tests.load.generator."""

import itertools
import json
import os
import random
from pathlib import Path

import gevent
from locust import FastHttpUser, constant_throughput, task

from tests.load.mix import NO_ANSWER, Answer, Event, Speaker, World

SETTINGS = json.loads(os.environ["LOAD"])
LEDGER = Path(SETTINGS["ledger"]).open("a", buffering=1)  # noqa: SIM115 - open as long as the process
NUMBERS = itertools.count()
WORLD = World()


def record(event: Event) -> None:
    LEDGER.write(event.line() + "\n")


class User(FastHttpUser):
    wait_time = constant_throughput(SETTINGS["rate_per_user"])
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
        # Else all users would send in the same moment of each second.
        gevent.sleep(chance.uniform(0, 1 / SETTINGS["rate_per_user"]))

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
