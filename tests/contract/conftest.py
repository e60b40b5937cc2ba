"""The tables and the audio stream in moto, in this process. No test of this tier opens a socket."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from shared.aws import audio_stream
from shared.aws.dynamodb import create_client
from tests.support.audio import create_stream
from tests.support.tables import create_tables


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail a test that opens a socket."""


@pytest.fixture
def client() -> Iterator[Any]:
    """Return the DynamoDB client of the functions, with empty tables."""
    with mock_aws():
        client = create_client()
        create_tables(client)
        yield client


@pytest.fixture
def kinesis() -> Iterator[Any]:
    """Return the Kinesis client of the function, with an empty stream."""
    with mock_aws():
        client = audio_stream.create_client()
        create_stream(client)
        yield client
