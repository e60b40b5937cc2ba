"""The stream of the sessions table: tell the people at a session what becomes of it."""

from typing import Any

from shared import streams, wiring_streams
from shared.dynamodb.sessions import session_of

NOTICES = wiring_streams.notices()


@streams.consumer
def handler(event: streams.Event, context: Any) -> streams.Answer:
    return streams.one_by_one(
        streams.changes(event, session_of),
        lambda change: NOTICES.session_changed(
            change.old, change.new, time_left=context.get_remaining_time_in_millis
        ),
    )
