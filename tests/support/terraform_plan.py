"""What Terraform plans with alarms and dashboard on, read from the plan of a mocked test run."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from scripts import terraform

SUITE = "tests/observability.tftest.hcl"


def planned_resources() -> list[dict[str, Any]]:
    """Return the managed resources of the suite's first run, each with `address`, `type` and `values`.

    Raises TerraformFailed, TerraformMissing.
    """
    with tempfile.TemporaryDirectory() as data_folder:
        variables = terraform.environment(TF_DATA_DIR=data_folder)
        terraform.init(env=variables, backend=False, capture=True)
        done = terraform.run("test", "-verbose", "-json", f"-filter={SUITE}", env=variables, capture=True)
    messages = (json.loads(line) for line in done.stdout.splitlines())
    plan = next(message["test_plan"] for message in messages if message["type"] == "test_plan")
    return [
        {"address": change["address"], "type": change["type"], "values": change["change"]["after"]}
        for change in plan["resource_changes"]
        if change["mode"] == "managed"
    ]


def planned_widgets(resources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the widgets of the one dashboard among the resources."""
    (dashboard,) = [resource for resource in resources if resource["type"] == "aws_cloudwatch_dashboard"]
    widgets: list[dict[str, Any]] = json.loads(dashboard["values"]["dashboard_body"])["widgets"]
    return widgets
