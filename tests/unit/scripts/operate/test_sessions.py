"""Counting sessions: only live ones, from the index."""

from collections import Counter

import boto3
import pytest
from moto import mock_aws

from scripts.operate import sessions

NOW = 1_800_000_000
TABLE = "session-service-dev-sessions"


@pytest.fixture
def client():
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": "sessionId", "AttributeType": "S"},
                {"AttributeName": "status", "AttributeType": "S"},
                {"AttributeName": "expiresAt", "AttributeType": "N"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": sessions.INDEX,
                    "KeySchema": [
                        {"AttributeName": "status", "KeyType": "HASH"},
                        {"AttributeName": "expiresAt", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["sourceLanguage"]},
                }
            ],
        )
        yield client


def put(client, status: str, language: str, *, expires: int = NOW + 60, count: int = 1) -> None:
    for number in range(count):
        item = {"sessionId": f"{status}-{language}-{expires}-{number}", "status": status}
        item["sourceLanguage"] = language
        row = {name: {"S": value} for name, value in item.items()}
        client.put_item(TableName=TABLE, Item={**row, "expiresAt": {"N": str(expires)}})


def test_sessions_are_counted_by_status_and_language(client):
    put(client, "active", "en", count=3)
    put(client, "paused", "en")
    put(client, "active", "es", count=2)

    counts = sessions.count(client, TABLE, NOW)

    assert counts == {("active", "en"): 3, ("paused", "en"): 1, ("active", "es"): 2}


def test_ended_and_expired_sessions_are_not_counted(client):
    put(client, "ended", "en")
    put(client, "active", "en", expires=NOW)

    assert sessions.count(client, TABLE, NOW) == {}


def test_the_table_is_never_scanned(client):
    put(client, "active", "en")
    operations: list[str] = []
    client.meta.events.register(
        "request-created.dynamodb", lambda operation_name, **_: operations.append(operation_name)
    )

    sessions.count(client, TABLE, NOW)

    assert operations == ["Query", "Query"]


def test_the_table_has_totals_and_starts_with_the_largest_language():
    table = sessions.to_table(Counter({("active", "es"): 1, ("active", "en"): 3, ("paused", "en"): 1}))

    assert [line.split() for line in table.splitlines()] == [
        ["language", "active", "paused", "all"],
        ["en", "3", "1", "4"],
        ["es", "1", "0", "1"],
        ["all", "4", "1", "5"],
    ]


def test_counting_is_refused_while_the_local_system_is_not_running(
    tmp_path, capsys: pytest.CaptureFixture[str]
):
    code = sessions.main(["local"], work=tmp_path)

    assert code == 2
    assert "make run" in capsys.readouterr().err
