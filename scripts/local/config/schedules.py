"""The schedules that Terraform declares: which function EventBridge Scheduler invokes every minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.local.config.terraform_state import NotServable, TerraformState, function_name

EVERY_MINUTE = "rate(1 minute)"


@dataclass(frozen=True)
class Schedule:
    """Invokes a function every minute. `input` is the event, a JSON text with placeholders."""

    name: str
    function: str
    input: str


def read(state: TerraformState) -> tuple[Schedule, ...]:
    """Read all schedules. Raises NotServable for one that the local system does not support."""
    return tuple(_schedule(schedule) for schedule in state.all("aws_scheduler_schedule"))


def _schedule(schedule: Mapping[str, Any]) -> Schedule:
    name, (target,) = schedule["name"], schedule["target"]
    if schedule["schedule_expression"] != EVERY_MINUTE:
        raise NotServable(f"{name}: the local system supports the schedule {EVERY_MINUTE} only.")
    if schedule["flexible_time_window"][0]["mode"] != "OFF":
        raise NotServable(f"{name}: the local system supports no flexible time window of a schedule.")
    if schedule["start_date"] or schedule["end_date"] or schedule["state"] == "DISABLED":
        raise NotServable(f"{name}: the local system supports schedules that are always enabled only.")
    return Schedule(name, function_name(target["arn"]), target["input"] or "{}")
