"""EventBridge Scheduler: an invocation and the time for which it was scheduled.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Event = Mapping[str, Any]


def target(handler: Callable[[Event, Any], None]) -> Callable[[Event, Any], None]:
    """Make the Lambda handler of a schedule."""
    return handler


def scheduled_time(event: Event) -> int:
    """Return the attribute `time`, which the schedule sets to the scheduled time, in epoch milliseconds."""
    return round(datetime.fromisoformat(event["time"]).timestamp() * 1000)
