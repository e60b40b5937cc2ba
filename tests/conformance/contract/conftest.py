"""The tables in the emulator. Each test has new ones."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.aws.dynamodb import create_client
from tests.conformance.emulator import ROOT_USER, Emulator
from tests.support.tables import create_tables


@pytest.fixture
def client(ministack: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the DynamoDB client of the functions, with empty tables."""
    for name, value in ministack.variables(ROOT_USER).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.plain_url)
    client = create_client()
    create_tables(client)
    yield client
    # Tests have the client itself fail.
    other_client = ministack.client("dynamodb")
    for name in other_client.list_tables()["TableNames"]:
        other_client.delete_table(TableName=name)
