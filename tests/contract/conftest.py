"""The tables in moto, in this process. No test of this tier opens a socket."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from shared.aws.dynamodb import create_client
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
