"""Attributes of a session's item that do not change its version: listener count, presence, due time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.aws import sessions_table
from shared.aws.errors import is_condition_failed, translate_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from shared.audience.connection import SessionRef
    from shared.sessions.session import Session


class SessionBookkeeping:
    """The audience's SessionBookkeeping on the sessions table. Each method is one conditional UpdateItem."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def set_listener_count(self, session: "SessionRef", count: int) -> "Session | None":
        """Write `listenerCount`. Raises UnreadableRow after the write if the session cannot be read."""
        item = self._update(
            session.id, "SET listenerCount = :count", "createdAt = :created",
            {":count": count, ":created": session.created_at},
        )  # fmt: skip
        return None if item is None else sessions_table.from_item(item)

    def set_speaker_connected(self, session: "Session", *, since: int, until: int, due_at: int) -> bool:
        """Write the time of the connection if it is the first one, and remove the absence."""
        item = self._update(
            session.id,
            "SET speakerConnectedSince = if_not_exists(speakerConnectedSince, :since),"
            " speakerConnectedUntil = :until, dueAt = :due, duePartition = :partition"
            " REMOVE speakerAbsentSince, absenceAnnouncedAt",
            "createdAt = :created AND attribute_not_exists(endedAt)",
            {":created": session.created_at, ":since": since, ":until": until, ":due": due_at},
            sessions_table.DUE_PARTITION["duePartition"],
        )
        return item is not None

    def set_speaker_absent(self, session: "Session", *, since: int, due_at: int) -> bool:
        """Write the absence, if the speaker was connected as `session` has it."""
        item = self._update(
            session.id,
            "SET speakerAbsentSince = :since, dueAt = :due, duePartition = :partition"
            " REMOVE speakerConnectedSince, speakerConnectedUntil",
            "createdAt = :created AND attribute_not_exists(endedAt) AND speakerConnectedUntil = :until",
            {
                ":created": session.created_at,
                ":since": since,
                ":until": session.speaker_connected_until or 0,
                ":due": due_at,
            },
            sessions_table.DUE_PARTITION["duePartition"],
        )
        return item is not None

    def set_absence_announced(self, session: "Session", at: int) -> "Session | None":
        """Write the time, if the absence that `session` has still lasts."""
        item = self._update(
            session.id,
            "SET absenceAnnouncedAt = :at",
            "createdAt = :created AND attribute_not_exists(endedAt) AND speakerAbsentSince = :since",
            {":created": session.created_at, ":since": session.speaker_absent_since or 0, ":at": at},
        )
        return None if item is None else sessions_table.from_item(item)

    def set_due(self, session_id: str, old: int, new: int | None) -> bool:
        """Write or remove `dueAt`, if it is `old`."""
        if new is None:
            item = self._update(session_id, "REMOVE dueAt, duePartition", "dueAt = :old", {":old": old})
        else:
            item = self._update(session_id, "SET dueAt = :new", "dueAt = :old", {":old": old, ":new": new})
        return item is not None

    def _update(
        self,
        session_id: str,
        update: str,
        condition: str,
        numbers: Mapping[str, int],
        partition: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any] | None:
        """Return the new item; None when the condition fails, as it does for a session that is gone."""
        values: dict[str, Mapping[str, str]] = {name: {"N": str(value)} for name, value in numbers.items()}
        if partition:
            values[":partition"] = partition
        with translate_errors():
            try:
                response = self._client.update_item(
                    TableName=self._table,
                    Key={"sessionId": {"S": session_id}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return None
        return response["Attributes"]
