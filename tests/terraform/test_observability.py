"""Alarms and the dashboard: every metric exists, and every alarm has a section in the runbook."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from scripts.docs import cost
from scripts.project import ROOT
from shared.audience.join import Outcome
from shared.aws import metrics
from shared.aws.metrics import EmbeddedMetrics
from tests.support.sessions import a_session
from tests.support.terraform_plan import planned_resources, planned_widgets

pytestmark = pytest.mark.usefixtures("patient_terraform")
RUNBOOK = ROOT / "docs" / "runbook.md"
WEBSOCKET_API = "ws1"
RUNBOOK_URL = "https://example.com/docs/runbook.md"


class Emitted(NamedTuple):
    """Metrics of one namespace. `dimensions` are sets of names, each sorted and joined by spaces."""

    names: set[str]
    dimensions: set[str]
    documented_at: str


# API Gateway has metrics of a route, with the dimensions Method and Resource, only with detailed metrics.
AWS_METRICS = {
    "AWS/ApiGateway": Emitted(
        {"4xx", "5xx", "Count", "IntegrationLatency", "Latency", "DataProcessed"},
        {"ApiId", "ApiId Stage", "ApiId Method Resource Stage"},
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html",
    ),
    "AWS/ApiGateway, WebSocket": Emitted(
        {
            *("ConnectCount", "MessageCount", "IntegrationLatency"),
            *("IntegrationError", "ClientError", "ExecutionError"),
        },
        {"ApiId", "ApiId Stage", "ApiId Method Resource Stage"},
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html",
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
    "AWS/Translate": Emitted(
        {"CharacterCount", "ResponseTime", "ServerErrorCount", "SuccessfulRequestCount", "ThrottledCount"},
        {"Operation", "LanguagePair"},
        "https://docs.aws.amazon.com/translate/latest/dg/translate-cloudwatch.html",
    ),
    "AWS/Kinesis": Emitted(
        {"IncomingBytes", "IncomingRecords", "WriteProvisionedThroughputExceeded"},
        {"StreamName"},
        "https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html",
    ),
    "AWS/DynamoDB": Emitted(
        {"ReadThrottleEvents", "WriteThrottleEvents"},
        {"TableName", "GlobalSecondaryIndexName TableName"},
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html",
    ),
}


class Metric(NamedTuple):
    """A metric that an alarm or a widget reads."""

    reader: str
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
    """Return namespace, name and dimensions (as JSON) of each metric that EmbeddedMetrics writes."""
    embedded_metrics = EmbeddedMetrics(environment)
    embedded_metrics.session_created(a_session())
    embedded_metrics.session_ended(a_session())
    embedded_metrics.session_id_clash()
    embedded_metrics.rate_limit_unavailable()
    embedded_metrics.listeners_counted(3)
    embedded_metrics.caption_handled(latency_ms=400, characters=60, failures=1, undelivered=2)
    embedded_metrics.caption_spoken(latency_ms=1400, characters=60, spoken=1, dropped=1)
    for outcome in Outcome:
        embedded_metrics.join_ended(outcome)
    written = set()
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = json.dumps({name: line[name] for name in names}, sort_keys=True)
                written |= {
                    (directive["Namespace"], metric["Name"], dimensions) for metric in directive["Metrics"]
                }
    return written


def filters_of_logs(resources: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    """Return the metric filters of log groups whose names begin with the prefix."""
    filters = of_type(resources, "aws_cloudwatch_log_metric_filter")
    return [log_filter for log_filter in filters if log_filter["log_group_name"].startswith(prefix)]


def error_line(message: str) -> str:
    """Return the pattern of a line in Lambda's JSON format.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
    """
    return f'{{ $.level = "ERROR" && $.message = "{message}" }}'


def dimensions_of(resources: list[dict[str, Any]]) -> set[tuple[tuple[str, str], ...]]:
    """Return the dimensions, as sorted pairs, for which AWS writes metrics of these resources."""
    routes = [route["route_key"].split(" ") for route in of_type(resources, "aws_apigatewayv2_route")]
    api = {"ApiId": "http1", "Stage": "$default"}
    dimensions: list[dict[str, str]] = [
        api,
        {"ApiId": WEBSOCKET_API, "Stage": "ws"},
        {"Operation": "TranslateText"},
        *(api | {"Method": words[0], "Resource": words[1]} for words in routes if len(words) == 2),
        *({"FunctionName": values["function_name"]} for values in of_type(resources, "aws_lambda_function")),
        *({"StreamName": stream["name"]} for stream in of_type(resources, "aws_kinesis_stream")),
        *({"TableName": table["name"]} for table in of_type(resources, "aws_dynamodb_table")),
        # A mapping has metrics of its own only with metrics_config.
        *(
            {"EventSourceMappingUUID": mapping["uuid"]}
            for mapping in of_type(resources, "aws_lambda_event_source_mapping")
            if mapping["metrics_config"] == [{"metrics": ["EventCount"]}]
        ),
    ]
    return {tuple(sorted(pairs.items())) for pairs in dimensions}


@pytest.mark.parametrize("read_metrics", [metrics_of_alarms, metrics_of_the_dashboard])
def test_aws_or_the_code_emits_every_metric(
    read_metrics: Any, resources: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
):
    ours = emitted_by_the_code(capsys, "prod")
    counted_in_logs = {
        (transformation["namespace"], transformation["name"])
        for log_filter in of_type(resources, "aws_cloudwatch_log_metric_filter")
        for transformation in log_filter["metric_transformation"]
    }
    dimensions = dimensions_of(resources)

    used_metrics = list(read_metrics(resources))

    assert len(used_metrics) > 20
    for metric in used_metrics:
        if metric.namespace.startswith("AWS/"):
            websocket = metric.dimensions.get("ApiId") == WEBSOCKET_API
            emitted = AWS_METRICS[f"{metric.namespace}, WebSocket" if websocket else metric.namespace]
            assert metric.name in emitted.names, metric
            assert " ".join(sorted(metric.dimensions)) in emitted.dimensions, metric
            assert tuple(sorted(metric.dimensions.items())) in dimensions, metric
        elif metric.namespace == metrics.NAMESPACE:
            key = (metric.namespace, metric.name, json.dumps(metric.dimensions, sort_keys=True))
            assert key in ours, metric
        else:
            assert (metric.namespace, metric.name) in counted_in_logs, metric
            assert metric.dimensions == {}, metric


def test_a_sum_of_metrics_selects_exactly_the_metrics_of_its_kind(resources: list[dict[str, Any]]):
    """METRICS("x") takes every metric whose id contains x.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    selections = {}
    for widget in planned_widgets(resources):
        rows = widget["properties"].get("metrics", [])
        namespaces = {
            row[-1]["id"]: row[0] for row in rows if "id" in row[-1] and "expression" not in row[-1]
        }
        for options in (row[-1] for row in rows if "METRICS(" in str(row[-1])):
            (text,) = re.findall(r'METRICS\("(\w+)"\)', options["expression"])
            selected = sorted(namespace for name, namespace in namespaces.items() if text in name)
            selections[options["label"]] = selected

    assert selections == {
        "functions": ["AWS/Lambda"] * len(of_type(resources, "aws_lambda_function")),
        "tables": ["AWS/DynamoDB"] * 2 * len(of_type(resources, "aws_dynamodb_table")),
    }


def test_a_metric_filter_reads_fields_that_the_access_log_has(resources: list[dict[str, Any]]):
    formats = {
        stage["access_log_settings"][0]["format"] for stage in of_type(resources, "aws_apigatewayv2_stage")
    }
    fields = set.intersection(*(set(json.loads(text)) for text in formats))

    filters = filters_of_logs(resources, "/aws/apigateway/")

    assert len(filters) == 4
    for log_filter in filters:
        used_fields = set(re.findall(r"\$\.(\w+)", log_filter["pattern"]))
        assert used_fields, log_filter["pattern"]
        assert used_fields <= fields


def test_functions_that_may_log_a_counted_line_are_watched(resources: list[dict[str, Any]]):
    prefix = "/aws/lambda/session-service-prod-"
    watched: dict[str, set[str]] = {}
    for log_filter in filters_of_logs(resources, prefix):
        watched.setdefault(log_filter["pattern"], set()).add(
            log_filter["log_group_name"].removeprefix(prefix)
        )

    notify = {
        *("session_changed", "connections_changed", "presence_changed", "sweep_sessions"),
        *("connection_admitted", "translate_captions", "speak_captions"),
    }
    messages = {"join_session", "change_language", "publish_caption"}
    verbs = ("create", "get", "update", "delete", "connect", "disconnect")
    use_tables = {
        "list_sessions",
        "list_captions",
        "health",
        *(f"{verb}_session" for verb in verbs),
        "send_audio",
    } | messages
    assert watched == {
        error_line("A row cannot be read"): notify | use_tables,
        error_line("A connection cannot be reached"): notify,
        error_line("A session cannot be swept yet"): {"sweep_sessions"},
        "{ $.status = 500 || $.status = 503 }": messages,
        "{ $.status = 400 || $.status = 500 || $.status = 503 }": {"send_audio"},
    }


def test_the_code_logs_every_counted_line(resources: list[dict[str, Any]]):
    code = "".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    patterns = {log_filter["pattern"] for log_filter in filters_of_logs(resources, "/aws/lambda/")}
    messages = {message for pattern in patterns for message in re.findall(r'message = "(.+?)"', pattern)}

    missing = {message for message in messages if f'"{message}"' not in code}

    assert len(messages) == 3
    assert missing == set()


def test_a_consumer_whose_messages_people_wait_for_may_be_ten_seconds_behind(resources: list[dict[str, Any]]):
    limits = {
        alarm["alarm_name"].removeprefix("session-service-prod-stream-age-"): alarm["threshold"] / 1000
        for alarm in of_type(resources, "aws_cloudwatch_metric_alarm")
        if "-stream-age-" in alarm["alarm_name"]
    }

    assert limits == {
        "translate_captions": 10,
        "connection_admitted": 10,
        "speak_captions": 10,
        "session_changed": 60,
        "connections_changed": 60,
        "presence_changed": 60,
    }


def test_each_session_route_has_a_latency_objective(resources: list[dict[str, Any]]):
    objectives = {
        alarm["alarm_name"].removeprefix("session-service-prod-latency-"): alarm["threshold"]
        for alarm in of_type(resources, "aws_cloudwatch_metric_alarm")
        if "-latency-" in alarm["alarm_name"]
    }

    assert objectives == {
        "create_session": 2000,
        "get_session": 500,
        "list_sessions": 1000,
        "list_captions": 1000,
        "update_session": 1000,
        "delete_session": 1000,
    }


def test_every_alarm_links_its_section_of_the_runbook(resources: list[dict[str, Any]]):
    links = {alarm["alarm_name"]: alarm["alarm_description"].rsplit(" ", 1)[1] for alarm in alarms(resources)}
    sections = {f"{RUNBOOK_URL}#{anchor(heading)}" for heading in headings(RUNBOOK.read_text())}

    broken_links = {name: link for name, link in links.items() if link not in sections}

    assert len(links) > 40
    assert broken_links == {}


def test_every_section_of_the_runbook_belongs_to_an_alarm(resources: list[dict[str, Any]]):
    linked = {alarm["alarm_description"].rsplit("#", 1)[1] for alarm in alarms(resources)}
    alarms_chapter = RUNBOOK.read_text().split("\n## Alarms\n")[1].split("\n## ")[0]

    sections = {anchor(heading) for heading in headings(alarms_chapter)}

    assert sections == linked


def test_a_composite_alarm_consists_of_two_metric_alarms(resources: list[dict[str, Any]]):
    names = {alarm["alarm_name"] for alarm in of_type(resources, "aws_cloudwatch_metric_alarm")}

    rules = [alarm["alarm_rule"] for alarm in of_type(resources, "aws_cloudwatch_composite_alarm")]

    assert len(rules) == 4
    for rule in rules:
        match = re.fullmatch(r'ALARM\("([^"]+)"\) AND ALARM\("([^"]+)"\)', rule)
        assert match, rule
        assert set(match.groups()) <= names


def test_names_and_descriptions_of_alarms_fit_the_limits_of_cloudwatch(resources: list[dict[str, Any]]):
    assert all(len(alarm["alarm_description"]) <= 1024 for alarm in alarms(resources))
    assert all(len(alarm["alarm_name"]) <= 255 for alarm in alarms(resources))


def test_the_cost_model_counts_all_metrics_of_alarms(resources: list[dict[str, Any]]):
    alarm_metrics = len(list(metrics_of_alarms(resources)))
    composite = len(of_type(resources, "aws_cloudwatch_composite_alarm"))

    assert cost.MONTHLY["alarm_metrics"] * 0.7 < alarm_metrics <= cost.MONTHLY["alarm_metrics"]
    assert composite == cost.MONTHLY["composite_alarms"]


def test_widgets_do_not_overlap(resources: list[dict[str, Any]]):
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
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
