"""The stream of the sessions table: tell the people at a session what becomes of it."""

from typing import Any

from shared import wiring_streams
from shared.events import table_stream

NOTICES = wiring_streams.notices()


@table_stream.consumer
def handler(event: table_stream.Event, context: Any) -> table_stream.Answer:
    return table_stream.one_by_one(
        table_stream.session_changes(event),
        lambda change: NOTICES.session_changed(
            change.old, change.new, time_left=context.get_remaining_time_in_millis
        ),
    )
