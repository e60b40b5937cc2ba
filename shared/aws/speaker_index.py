"""The sessions table's index by speaker: the newest sessions of one speaker, a page in one Query."""

from typing import TYPE_CHECKING, Any

from shared.aws.errors import faults_told_apart
from shared.aws.sessions_table import session_of
from shared.sessions.list import Page, Position
from shared.sessions.session import Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "bySpeaker"
# How many rows a page with a filter looks at: a speaker seldom has as many live sessions.
FILTERED_ROWS = 1000


class SpeakerIndex:
    """The domain's SessionIndex on one table. Raises TryAgainLater for what a retry may cure."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        """Query. With a filter a page may be shorter than `limit`, and still not be the last."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "speakerId = :speaker AND createdAt >= :since",
            "ExpressionAttributeValues": {":speaker": {"S": speaker}, ":since": {"N": str(since)}},
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if status is not None:
            query["FilterExpression"] = "#status = :status"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            query["ExpressionAttributeValues"][":status"] = {"S": status}
            query["Limit"] = FILTERED_ROWS
        if after is not None:
            query["ExclusiveStartKey"] = {
                "speakerId": {"S": speaker},
                "createdAt": {"N": str(after.created_at)},
                "sessionId": {"S": after.session_id},
            }
        with faults_told_apart():
            response = self._client.query(**query)
        found = [session_of(item) for item in response["Items"]]
        sessions = found[:limit]
        if len(found) > limit:
            return Page(sessions, Position(sessions[-1].created_at, sessions[-1].id))
        evaluated = response.get("LastEvaluatedKey")
        if not evaluated:
            return Page(sessions, None)
        return Page(sessions, Position(int(evaluated["createdAt"]["N"]), evaluated["sessionId"]["S"]))
