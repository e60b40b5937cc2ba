"""Faults of DynamoDB that take as long as the SDK lets them, on a clock that only tests move."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from tests.support.clock import Clock

Fault = Callable[[Clock, Any], AWSResponse | None]
"""Takes its time, and raises, responds, or returns None: then the table responds."""


class ErrorBody:
    """The body of a response, as urllib3 returns it."""

    def stream(self) -> Iterator[bytes]:
        yield json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}).encode()


def hangs(clock: Clock, config: Any) -> None:
    clock.now += int(1000 * (config.connect_timeout + config.read_timeout))
    raise ReadTimeoutError(endpoint_url="dynamodb")


def cannot_be_reached(clock: Clock, config: Any) -> None:
    clock.now += int(1000 * config.connect_timeout)
    raise ConnectTimeoutError(endpoint_url="dynamodb")


def closes_connections(_clock: Clock, _config: Any) -> None:
    raise ConnectionClosedError(endpoint_url="dynamodb")


def throttles(_clock: Clock, _config: Any) -> AWSResponse:
    return AWSResponse("https://dynamodb.example", 400, {}, ErrorBody())


def fails_late(clock: Clock, config: Any) -> AWSResponse:
    clock.now += int(1000 * config.read_timeout) - 1
    return AWSResponse("https://dynamodb.example", 500, {}, ErrorBody())


def answers_late(clock: Clock, config: Any) -> None:
    clock.now += int(1000 * (config.connect_timeout + config.read_timeout)) - 1


FAULTS: list[Fault] = [hangs, cannot_be_reached, closes_connections, throttles, fails_late, answers_late]


@contextmanager
def brownout(fault: Fault, clock: Clock, clients: Mapping[Any, Config], *, after: int) -> Iterator[list[str]]:
    """Let every request of the clients fail after this number of requests; list the operations of all."""
    sent: list[str] = []

    def before_send(config: Config) -> Callable[..., AWSResponse | None]:
        def handle(event_name: str, **_: Any) -> AWSResponse | None:
            sent.append(event_name.rpartition(".")[2])
            return fault(clock, config) if len(sent) > after else None

        return handle

    handlers = {client: before_send(config) for client, config in clients.items()}
    for client, handler in handlers.items():
        client.meta.events.register("before-send.dynamodb", handler)
    try:
        yield sent
    finally:
        for client, handler in handlers.items():
            client.meta.events.unregister("before-send.dynamodb", handler)
