"""Listener counts: attributes of the session's item that do not change its version."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.aws.errors import is_condition_failed, translate_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from shared.audience.connection import SessionRef


class ListenerCounts:
    """The ListenerCountStore on the sessions table. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def set_listener_count(self, session: "SessionRef", count: int) -> bool:
        """UpdateItem; False when the item is gone or belongs to another session."""
        return self._update(session, "listenerCount", count, "createdAt = :created", {})

    def may_notify_speaker(self, session: "SessionRef", now: int, interval_ms: int) -> bool:
        """UpdateItem; False when the speaker was notified less than `interval_ms` before `now` (epoch ms)."""
        condition = "createdAt = :created AND (attribute_not_exists(#field) OR #field <= :before)"
        return self._update(
            session, "audienceToldAt", now, condition, {":before": {"N": str(now - interval_ms)}}
        )

    def _update(
        self, session: "SessionRef", field: str, value: int, condition: str, values: dict[str, dict[str, str]]
    ) -> bool:
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={"sessionId": {"S": session.id}},
                    UpdateExpression="SET #field = :value",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#field": field},
                    ExpressionAttributeValues={
                        ":value": {"N": str(value)},
                        ":created": {"N": str(session.created_at)},
                        **values,
                    },
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return False
        return True
