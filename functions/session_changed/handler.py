"""The stream of the sessions table: tell the people at a session what becomes of it."""

from typing import Any

from shared import streams, wiring_streams

NOTICES = wiring_streams.notices()


@streams.consumer
def handler(event: streams.Event, context: Any) -> streams.Answer:
    return streams.one_by_one(
        streams.session_changes(event),
        lambda change: NOTICES.session_changed(
            change.old, change.new, time_left=context.get_remaining_time_in_millis
        ),
    )
