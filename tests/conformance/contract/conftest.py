"""The tables and the audio stream in the emulator. Each test has new ones."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.aws import audio_stream
from shared.aws.dynamodb import create_client
from tests.conformance.emulator import ROOT_USER, Emulator
from tests.support.audio import AUDIO_STREAM, create_stream
from tests.support.tables import create_tables


@pytest.fixture
def client(ministack: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the DynamoDB client of the functions, with empty tables."""
    _use(ministack, monkeypatch)
    client = create_client()
    create_tables(client)
    yield client
    # Tests have the client itself fail.
    other_client = ministack.client("dynamodb")
    for name in other_client.list_tables()["TableNames"]:
        other_client.delete_table(TableName=name)


@pytest.fixture
def kinesis(ministack: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the Kinesis client of the function, with an empty stream."""
    _use(ministack, monkeypatch)
    client = audio_stream.create_client()
    create_stream(client)
    client.get_waiter("stream_exists").wait(StreamName=AUDIO_STREAM, WaiterConfig={"Delay": 1})
    yield client
    client.delete_stream(StreamName=AUDIO_STREAM)
    client.get_waiter("stream_not_exists").wait(StreamName=AUDIO_STREAM, WaiterConfig={"Delay": 1})


def _use(ministack: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the functions' clients call the emulator, as the account's root user."""
    for name, value in ministack.variables(ROOT_USER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.plain_url)
