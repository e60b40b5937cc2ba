"""What only AWS can prove: the checks of `make smoke`, for the first deployment of an environment.

docs/first-deployment.md lists them, and those that need a person.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from scripts.command_line import report_progress
from scripts.deploy import smoke_test
from scripts.deploy.api_client import ApiClient, open_client
from scripts.deploy.monitor import Metric, metric_sums
from scripts.deploy.releases import ALIAS
from scripts.environments import Environment
from scripts.errors import StepFailed

WAIT_SECONDS = 300.0
"""How long metrics and lines of access logs may take to appear."""
POLL_SECONDS = 10.0
COUNT_SECONDS = 60.0
"""How long listenerCount may take to change."""

T = TypeVar("T")


@dataclass(frozen=True)
class Deployment:
    """An environment with its Terraform outputs, and the time since which its metrics and logs are read."""

    environment: Environment
    outputs: Mapping[str, Any]
    since: datetime


class Check(NamedTuple):
    """An assumption about AWS, and a function that raises StepFailed when it does not hold."""

    assumption: str
    run: Callable[[Deployment], None]
    only_in_aws: bool = True


def run(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Print one line for each assumption: ok, FAIL or skip. Raises StepFailed when one does not hold."""
    report_progress(
        f"Checking {environment.name} (metrics and logs may take {WAIT_SECONDS / 60:.0f} minutes)"
    )
    # Clocks may differ by some seconds.
    deployment = Deployment(environment, outputs, datetime.now(UTC) - timedelta(minutes=1))
    smoke_test.run(environment, outputs, release)
    for assumption in PROVED_BY_THE_SMOKE_TEST:
        print(f"ok    {assumption}")
    failures = 0
    for check in CHECKS:
        if check.only_in_aws and environment.running_system:
            print(f"skip  {check.assumption} (only in AWS)")
            continue
        try:
            check.run(deployment)
            print(f"ok    {check.assumption}")
        except StepFailed as failure:
            failures += 1
            print(f"FAIL  {check.assumption}: {failure}")
    if failures:
        raise StepFailed(f"Failed checks: {failures}. docs/first-deployment.md says what to do.")


def check_disconnect(deployment: Deployment) -> None:
    """The count falls when a listener disconnects: the event of $disconnect names the session."""
    asyncio.run(_check_disconnect(deployment))


async def _check_disconnect(deployment: Deployment) -> None:
    async with open_client(deployment.outputs) as api:
        with smoke_test.temporary_speaker(deployment.environment, deployment.outputs) as token:
            async with smoke_test.temporary_session(api, token) as session_id:
                listener = await api.connect(sessionId=session_id, targetLanguage="es")
                await _wait_for_listener_count(api, session_id, 1)
                await listener.close()
                await _wait_for_listener_count(api, session_id, 0)


async def _wait_for_listener_count(api: ApiClient, session_id: str, count: int) -> None:
    deadline = time.monotonic() + COUNT_SECONDS
    while (session := await api.request(f"GET /sessions/{session_id}", 200))["listenerCount"] != count:
        if time.monotonic() >= deadline:
            raise StepFailed(f"listenerCount is {session['listenerCount']}, not {count}.")
        await asyncio.sleep(1)


def check_metrics(deployment: Deployment) -> None:
    """CloudWatch has counted the smoke test's session, which create_session printed in the EMF."""
    dimensions = (("Environment", deployment.environment.name),)
    _wait_for_metric(deployment, Metric("SessionManagement", "SessionCreationCount", dimensions))


def check_stream_filter(deployment: Deployment) -> None:
    """Lambda has filtered out the INSERT of the smoke test's session."""
    function = f"{deployment.outputs['function_arns']['session_changed']}:{ALIAS}"
    client = deployment.environment.client("lambda")
    mappings = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    if len(mappings) != 1:
        raise StepFailed(f"{function} has {len(mappings)} event source mappings.")
    dimensions = (("EventSourceMappingUUID", mappings[0]["UUID"]),)
    _wait_for_metric(deployment, Metric("AWS/Lambda", "FilteredOutEventCount", dimensions))


def check_access_logs(deployment: Deployment) -> None:
    """The access logs have lines of the smoke test, with the fields that filters and queries read."""
    http_api = f"/aws/apigateway/{deployment.environment.prefix}"
    websocket_api = f"{http_api}-websocket"
    _check_access_log(deployment, http_api, "POST /sessions", "201", ("requestId", "integrationId"))
    for status in ("200", "404"):
        fields = ("requestId", "integrationId", "connectionId", "eventType")
        _check_access_log(deployment, websocket_api, "$connect", status, fields)


def _check_access_log(
    deployment: Deployment, log_group: str, route: str, status: str, fields: tuple[str, ...]
) -> None:
    logs = deployment.environment.client("logs")

    def find_line() -> dict[str, str] | None:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=log_group,
            startTime=round(deployment.since.timestamp() * 1000),
            filterPattern=f'"{route}"',
        )
        lines = (json.loads(event["message"]) for page in pages for event in page["events"])
        return next((line for line in lines if (line["routeKey"], line["status"]) == (route, status)), None)

    line = _wait_for(find_line, f"{log_group} has no line of {route} with the status {status}.")
    # `-` stands for an empty value.
    if empty := [name for name in fields if line.get(name, "-") == "-"]:
        raise StepFailed(f"{log_group} has a line of {route} without {', '.join(empty)}.")


def _wait_for_metric(deployment: Deployment, metric: Metric) -> None:
    cloudwatch = deployment.environment.client("cloudwatch")
    _wait_for(
        lambda: sum(metric_sums(cloudwatch, [metric], deployment.since)) or None,
        f"CloudWatch has no {metric.name} of {dict(metric.dimensions)} in {metric.namespace}.",
    )


def _wait_for(find: Callable[[], T | None], problem: str) -> T:
    """Return what a function finds. Raises StepFailed when it has found nothing after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (result := find()) is None:
        if time.monotonic() >= deadline:
            raise StepFailed(problem)
        time.sleep(POLL_SECONDS)
    return result


PROVED_BY_THE_SMOKE_TEST = (
    "API Gateway invokes the authorizer although it has no identity source",
    "clients receive the status of a refused handshake",
    "API Gateway and the event source mappings may invoke the alias",
    "functions reach DynamoDB, Cognito and API Gateway with the shipped root certificates",
)
CHECKS = (
    Check("$disconnect receives the context of the authorizer", check_disconnect, only_in_aws=False),
    Check("metrics that functions print become CloudWatch metrics", check_metrics),
    Check("event source mappings filter records by their event name", check_stream_filter),
    Check("access logs have the fields that filters and queries read", check_access_logs),
)
