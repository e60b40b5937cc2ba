"""The schedules that Terraform declares; unsupported ones are refused."""

from typing import Any

import pytest

from scripts.local.config import schedules
from scripts.local.config.schedules import Schedule
from scripts.local.config.terraform_state import NotServable, TerraformState

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:sweep"
INPUT = '{"time":"<aws.scheduler.scheduled-time>"}'


def _read(**changed: Any) -> tuple[Schedule, ...]:
    values = {
        "name": "sweep-sessions",
        "schedule_expression": "rate(1 minute)",
        "flexible_time_window": [{"mode": "OFF", "maximum_window_in_minutes": None}],
        "state": "ENABLED",
        "start_date": None,
        "end_date": None,
        "target": [{"arn": f"{FUNCTION_ARN}:live", "input": INPUT}],
        **changed,
    }
    schedule = {"mode": "managed", "type": "aws_scheduler_schedule", "values": values}
    return schedules.read(TerraformState({"root_module": {"resources": [schedule]}}))


def test_a_schedule_is_read_with_its_function_and_its_input():
    assert _read() == (Schedule("sweep-sessions", "sweep", INPUT),)


def test_a_schedule_without_input_invokes_with_an_empty_object():
    (schedule,) = _read(target=[{"arn": FUNCTION_ARN, "input": None}])

    assert schedule.input == "{}"


@pytest.mark.parametrize(
    "changed",
    [
        {"schedule_expression": "rate(5 minutes)"},
        {"schedule_expression": "cron(* * * * ? *)"},
        {"flexible_time_window": [{"mode": "FLEXIBLE", "maximum_window_in_minutes": 5}]},
        {"state": "DISABLED"},
        {"start_date": "2026-11-25T00:00:00Z"},
        {"end_date": "2026-11-25T00:00:00Z"},
        {"target": [{"arn": "arn:aws:sqs:us-east-1:123456789012:queue", "input": None}]},
    ],
)
def test_a_schedule_that_is_not_supported_is_rejected(changed: dict[str, Any]):
    with pytest.raises(NotServable):
        _read(**changed)
