"""The count of listeners on a session's row: written beside the session, never touching its version."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.audience.listener_counter import INTERVAL_MS, Gathering
from shared.aws.errors import condition_failed, faults_told_apart

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class ListenerCounts:
    """The domain's Counts on the sessions table. Raises TryAgainLater for what a retry may cure."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def set_listener_count(self, gathering: Gathering, count: int) -> bool:
        """UpdateItem; False when the row is gone or another session's."""
        return self._update(gathering, "listenerCount", count, "createdAt = :created", {})

    def may_tell_speaker(self, gathering: Gathering, now: int) -> bool:
        """UpdateItem; False when the speaker was told less than INTERVAL_MS before `now` (epoch ms)."""
        condition = "createdAt = :created AND (attribute_not_exists(#field) OR #field <= :before)"
        return self._update(
            gathering, "audienceToldAt", now, condition, {":before": {"N": str(now - INTERVAL_MS)}}
        )

    def _update(
        self, gathering: Gathering, field: str, value: int, condition: str, values: dict[str, dict[str, str]]
    ) -> bool:
        with faults_told_apart():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"sessionId": {"S": gathering.session_id}},
                    UpdateExpression="SET #field = :value",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#field": field},
                    ExpressionAttributeValues={
                        ":value": {"N": str(value)},
                        ":created": {"N": str(gathering.created_at)},
                        **values,
                    },
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise
                return False
        return True
