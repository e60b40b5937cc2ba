"""The row that the benchmarks' DynamoDB returns is a session that our functions can read."""

import json

from shared.aws import sessions_table
from tests.stress.benchmarks.canned_dynamodb import SESSION_ID, SPEAKER, CannedDynamoDB


def test_the_canned_row_is_a_session():
    with CannedDynamoDB() as dynamodb:
        row = json.loads(dynamodb.responses["GetItem"])["Item"]

    session = sessions_table.from_item(row)

    assert (session.id, session.speaker) == (SESSION_ID, SPEAKER)
    assert session.live(session.created_at)
