"""The stream of the connections table: count the listeners of each session that has changed."""

from typing import Any

from shared import wiring_streams
from shared.audience.listener_counter import gatherings
from shared.events import table_stream

HEADCOUNT = wiring_streams.headcount()


@table_stream.consumer
def handler(event: table_stream.Event, _context: Any) -> table_stream.Answer:
    changes = table_stream.connection_changes(event)
    rows = [row for change in changes for row in (change.old, change.new) if row]
    return table_stream.all_at_once(changes, lambda: HEADCOUNT.recount(gatherings(rows)))
