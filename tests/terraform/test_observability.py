"""What is watched and shown is there: AWS or the code emits every metric, and every link leads somewhere."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from scripts.dashboard_picture import PICTURE, draw, planned_resources, planned_widgets
from scripts.docs import cost
from shared.aws import metrics
from shared.aws.metrics import EmbeddedMetrics
from tests.support.sessions import a_session

pytestmark = pytest.mark.usefixtures("patient_terraform")
RUNBOOK = PICTURE.parent / "runbook.md"
RUNBOOK_URL = "https://example.com/docs/runbook.md"


class Emitted(NamedTuple):
    """Metrics of one namespace, with their sets of dimensions in alphabetical order."""

    names: set[str]
    dimensions: set[str]
    documented_at: str


# A route of an HTTP API goes by method and path, and is measured only where detailed metrics are on.
AWS_METRICS = {
    "AWS/ApiGateway": Emitted(
        {"4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"},
        {"ApiId", "ApiId Stage", "ApiId Method Resource Stage"},
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html",
    ),
    "AWS/Lambda": Emitted(
        {
            *("Duration", "Errors", "Invocations", "IteratorAge", "Throttles"),
            *("OnFailureDestinationDeliveredEventCount", "DroppedEventCount"),
        },
        {
            *("FunctionName", "FunctionName Resource", "ExecutedVersion FunctionName Resource"),
            "EventSourceMappingUUID",
        },
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
    ),
    "AWS/DynamoDB": Emitted(
        {"ReadThrottleEvents", "WriteThrottleEvents"},
        {"TableName", "GlobalSecondaryIndexName TableName"},
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html",
    ),
}


class Metric(NamedTuple):
    """A metric that somebody asks CloudWatch for, and who does."""

    asked_by: str
    namespace: str
    name: str
    dimensions: dict[str, str]


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    return planned_resources()


def of_type(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource["values"] for resource in resources if resource["type"] == kind]


def alarms(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        *of_type(resources, "aws_cloudwatch_metric_alarm"),
        *of_type(resources, "aws_cloudwatch_composite_alarm"),
    ]


def metrics_of_alarms(resources: list[dict[str, Any]]) -> Iterator[Metric]:
    for alarm in of_type(resources, "aws_cloudwatch_metric_alarm"):
        for query in alarm["metric_query"]:
            for metric in query["metric"]:
                yield Metric(
                    alarm["alarm_name"],
                    metric["namespace"],
                    metric["metric_name"],
                    metric["dimensions"] or {},
                )


def metrics_of_the_dashboard(resources: list[dict[str, Any]]) -> Iterator[Metric]:
    for widget in planned_widgets(resources):
        for row in widget["properties"].get("metrics", []):
            words = [word for word in row if isinstance(word, str)]
            if words:
                namespace, name, *pairs = words
                dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
                yield Metric(widget["properties"]["title"], namespace, name, dimensions)


def emitted_by_the_code(capsys: pytest.CaptureFixture[str], environment: str) -> set[tuple[str, str, str]]:
    """Namespace, name and dimensions of each metric in the lines that EmbeddedMetrics writes."""
    emitted = EmbeddedMetrics(environment)
    emitted.session_created(a_session())
    emitted.session_ended(a_session())
    emitted.session_id_clash()
    emitted.rate_limit_unavailable()
    emitted.listeners_counted(3)
    found = set()
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = json.dumps({name: line[name] for name in names}, sort_keys=True)
                found |= {
                    (directive["Namespace"], metric["Name"], dimensions) for metric in directive["Metrics"]
                }
    return found


def declared(resources: list[dict[str, Any]]) -> set[tuple[tuple[str, str], ...]]:
    """The dimensions of AWS's that something has here."""
    routes = [route["route_key"].split(" ") for route in of_type(resources, "aws_apigatewayv2_route")]
    api = {"ApiId": "http1", "Stage": "$default"}
    found: list[dict[str, str]] = [
        api,
        *(api | {"Method": words[0], "Resource": words[1]} for words in routes if len(words) == 2),
        *({"FunctionName": at["function_name"]} for at in of_type(resources, "aws_lambda_function")),
        *({"TableName": at["name"]} for at in of_type(resources, "aws_dynamodb_table")),
        # Lambda counts the records of a mapping only where the mapping asks for it.
        *(
            {"EventSourceMappingUUID": at["uuid"]}
            for at in of_type(resources, "aws_lambda_event_source_mapping")
            if at["metrics_config"] == [{"metrics": ["EventCount"]}]
        ),
    ]
    return {tuple(sorted(dimensions.items())) for dimensions in found}


@pytest.mark.parametrize("asked", [metrics_of_alarms, metrics_of_the_dashboard])
def test_every_metric_is_one_that_aws_or_the_code_emits(
    asked: Any, resources: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
):
    ours = emitted_by_the_code(capsys, "prod")
    counted_in_logs = {
        (at["namespace"], at["name"])
        for log_filter in of_type(resources, "aws_cloudwatch_log_metric_filter")
        for at in log_filter["metric_transformation"]
    }
    there = declared(resources)

    used = list(asked(resources))

    assert len(used) > 20
    for metric in used:
        if metric.namespace.startswith("AWS/"):
            emitted = AWS_METRICS[metric.namespace]
            assert metric.name in emitted.names, metric
            assert " ".join(sorted(metric.dimensions)) in emitted.dimensions, metric
            assert tuple(sorted(metric.dimensions.items())) in there, metric
        elif metric.namespace == metrics.NAMESPACE:
            known = (metric.namespace, metric.name, json.dumps(metric.dimensions, sort_keys=True))
            assert known in ours, metric
        else:
            assert (metric.namespace, metric.name) in counted_in_logs, metric
            assert metric.dimensions == {}, metric


def test_what_is_counted_in_an_access_log_is_written_there(resources: list[dict[str, Any]]):
    formats = {
        stage["access_log_settings"][0]["format"] for stage in of_type(resources, "aws_apigatewayv2_stage")
    }
    fields = set.intersection(*(set(json.loads(text)) for text in formats))

    filters = of_type(resources, "aws_cloudwatch_log_metric_filter")

    assert len(filters) == 3
    for log_filter in filters:
        asked = set(re.findall(r"\$\.(\w+)", log_filter["pattern"]))
        assert asked, log_filter["pattern"]
        assert asked <= fields


def test_each_session_route_promises_a_time(resources: list[dict[str, Any]]):
    limits = {
        alarm["alarm_name"].removeprefix("session-service-prod-latency-"): alarm["threshold"]
        for alarm in of_type(resources, "aws_cloudwatch_metric_alarm")
        if "-latency-" in alarm["alarm_name"]
    }

    assert limits | {"list_sessions": 1000} == {
        "create_session": 2000,
        "get_session": 500,
        "list_sessions": 1000,
        "update_session": 1000,
        "delete_session": 1000,
    }


def test_every_alarm_links_its_paragraph_of_the_runbook(resources: list[dict[str, Any]]):
    links = {alarm["alarm_name"]: alarm["alarm_description"].rsplit(" ", 1)[1] for alarm in alarms(resources)}
    paragraphs = {f"{RUNBOOK_URL}#{anchor(heading)}" for heading in headings(RUNBOOK.read_text())}

    leading_nowhere = {name: link for name, link in links.items() if link not in paragraphs}

    assert len(links) > 40
    assert leading_nowhere == {}


def test_no_paragraph_of_the_runbook_is_about_an_alarm_that_is_gone(resources: list[dict[str, Any]]):
    linked = {alarm["alarm_description"].rsplit("#", 1)[1] for alarm in alarms(resources)}
    about_alarms = RUNBOOK.read_text().split("\n## Alarms\n")[1].split("\n## ")[0]

    paragraphs = {anchor(heading) for heading in headings(about_alarms)}

    assert paragraphs == linked


def test_a_pair_of_windows_is_of_alarms_that_are_there(resources: list[dict[str, Any]]):
    names = {alarm["alarm_name"] for alarm in of_type(resources, "aws_cloudwatch_metric_alarm")}

    rules = [alarm["alarm_rule"] for alarm in of_type(resources, "aws_cloudwatch_composite_alarm")]

    assert len(rules) == 2
    for rule in rules:
        halves = re.fullmatch(r'ALARM\("([^"]+)"\) AND ALARM\("([^"]+)"\)', rule)
        assert halves, rule
        assert set(halves.groups()) <= names


def test_an_alarm_says_no_more_than_cloudwatch_takes(resources: list[dict[str, Any]]):
    assert all(len(alarm["alarm_description"]) <= 1024 for alarm in alarms(resources))
    assert all(len(alarm["alarm_name"]) <= 255 for alarm in alarms(resources))


def test_the_picture_is_of_this_dashboard(resources: list[dict[str, Any]]):
    drawn = draw(planned_widgets(resources))

    assert drawn == PICTURE.read_text(), "Draw it again: python -m scripts.dashboard_picture"


def test_the_alarms_cost_no_more_than_the_cost_model_says(resources: list[dict[str, Any]]):
    looked_at = len(list(metrics_of_alarms(resources)))
    composite = len(of_type(resources, "aws_cloudwatch_composite_alarm"))

    assert cost.MONTHLY["alarm_metrics"] * 0.7 < looked_at <= cost.MONTHLY["alarm_metrics"]
    assert composite == cost.MONTHLY["composite_alarms"]


def test_no_widget_covers_another(resources: list[dict[str, Any]]):
    places = [
        (widget["x"] + x, widget["y"] + y)
        for widget in planned_widgets(resources)
        for x in range(widget["width"])
        for y in range(widget["height"])
    ]

    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


def headings(markdown: str) -> list[str]:
    return re.findall(r"^### (.+)$", markdown, re.MULTILINE)


def anchor(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
