"""The index of the sessions table by speaker: one Query returns a page of a speaker's newest sessions."""

from typing import TYPE_CHECKING, Any

from shared.aws import dynamodb, sessions_table
from shared.aws.errors import translate_errors
from shared.sessions.list import Page, Position

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from shared.sessions.session import Status

INDEX = "bySpeaker"
# Items that a filtered page evaluates: more live sessions than a speaker usually has.
FILTERED_ITEMS = 1000


class SpeakerIndex:
    """The SessionIndex on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def page(
        self, speaker: str, *, since: int, status: "Status | None", after: Position | None, limit: int
    ) -> Page:
        """Query. A filtered page may have fewer than `limit` sessions and still not be the last one."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "speakerId = :speaker AND createdAt >= :since",
            "ExpressionAttributeValues": {":speaker": {"S": speaker}, ":since": {"N": str(since)}},
            "ScanIndexForward": False,
            # One more than the page: DynamoDB returns LastEvaluatedKey whenever it stops at Limit, also after
            # the last item, so only a further item shows that there is a next page.
            "Limit": limit + 1,
        }
        if status is not None:
            query["FilterExpression"] = "#status = :status"
            query["ExpressionAttributeNames"] = {"#status": "status"}
            query["ExpressionAttributeValues"][":status"] = {"S": status}
            query["Limit"] = FILTERED_ITEMS
        if after is not None:
            query["ExclusiveStartKey"] = {
                "speakerId": {"S": speaker},
                "createdAt": {"N": str(after.created_at)},
                "sessionId": {"S": after.session_id},
            }
        with translate_errors():
            response = self._client.query(**query)
        matching = dynamodb.from_items(response["Items"], sessions_table.from_item)
        sessions = matching[:limit]
        if len(matching) > limit:
            return Page(sessions, Position(sessions[-1].created_at, sessions[-1].id))
        last_key = response.get("LastEvaluatedKey")
        if not last_key:
            return Page(sessions, None)
        return Page(sessions, Position(int(last_key["createdAt"]["N"]), last_key["sessionId"]["S"]))
