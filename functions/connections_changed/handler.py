"""The stream of the connections table: count the listeners of each session that has changed."""

from typing import Any

from shared import streams, wiring_streams
from shared.sessions.headcount import gatherings

HEADCOUNT = wiring_streams.headcount()


@streams.consumer
def handler(event: streams.Event, _context: Any) -> streams.Answer:
    changes = streams.connection_changes(event)
    rows = [row for change in changes for row in (change.old, change.new) if row]
    return streams.all_at_once(changes, lambda: HEADCOUNT.recount(gatherings(rows)))
