"""The signals that a rollout watches: CloudWatch alarms, and the requests and joins that fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from scripts.environments import Environment

MAX_FAILED_SHARE = 0.05
MIN_FAILED = 3
"""Fewer failed requests of a route than this are not evidence, whatever their share."""


@dataclass(frozen=True)
class Traffic:
    """A number of requests or joins, and how many of them failed through a fault of the service."""

    requests: int = 0
    failed: int = 0

    @property
    def too_many_failed(self) -> bool:
        """Whether the failures reach MIN_FAILED and exceed MAX_FAILED_SHARE."""
        return self.failed >= MIN_FAILED and self.failed > MAX_FAILED_SHARE * self.requests

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.requests + other.requests, self.failed + other.failed)

    def __str__(self) -> str:
        share = 100 * self.failed / self.requests if self.requests else 0.0
        return f"{self.failed} of {self.requests} requests failed ({share:.1f} %)"


@dataclass(frozen=True)
class Metric:
    """A CloudWatch metric; `dimensions` are pairs of a name and a value."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Counter:
    """The metrics whose sums are the requests of a route and those that failed."""

    requests: tuple[Metric, ...]
    failed: tuple[Metric, ...]


class CloudWatchMonitor:
    """The alarms of an environment and the metrics of its APIs."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._cloudwatch = environment.client("cloudwatch")

    def active_alarms(self) -> list[str]:
        """Return the names of the environment's alarms that are in the state ALARM."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{self._environment.prefix}-",
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        return sorted(
            alarm["AlarmName"]
            for page in pages
            for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
            if alarm["StateValue"] == "ALARM"
        )

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        """Return the traffic of each HTTP route and of `$connect` since a time.

        CloudWatch lags about a minute behind.
        """
        counters = self._counters
        metrics = list(
            dict.fromkeys(
                metric for counter in counters.values() for metric in (*counter.requests, *counter.failed)
            )
        )
        sums = dict(zip(metrics, metric_sums(self._cloudwatch, metrics, since), strict=True))
        return {
            route: Traffic(
                sum(sums[metric] for metric in counter.requests),
                sum(sums[metric] for metric in counter.failed),
            )
            for route, counter in counters.items()
        }

    @cached_property
    def _counters(self) -> dict[str, Counter]:
        """The metrics of requests and of failed requests by route key."""
        outputs = self._environment.outputs()
        api_id = outputs["http_api_id"]
        gateway = self._environment.client("apigatewayv2")
        pages = gateway.get_paginator("get_routes").paginate(ApiId=api_id)
        routes = [route["RouteKey"] for page in pages for route in page["Items"] if " " in route["RouteKey"]]
        counters = {}
        for route in routes:
            method, path = route.split(" ")
            dimensions = (("ApiId", api_id), ("Stage", "$default"), ("Method", method), ("Resource", path))
            counters[route] = Counter(
                (Metric("AWS/ApiGateway", "Count", dimensions),),
                (Metric("AWS/ApiGateway", "5xx", dimensions),),
            )
        # The failures of the objective of joining (terraform/modules/alarms). API Gateway's IntegrationError
        # also counts the 4xx of connect_session, for example an unknown session.
        name = self._environment.name
        function = (("FunctionName", outputs["function_names"]["connect_session"]),)
        fault = (("Environment", name), ("Outcome", "fault"))
        uninvoked = Metric(f"SessionManagement/{name}", "UninvokedConnectionCount")
        counters["$connect"] = Counter(
            (Metric("AWS/Lambda", "Invocations", function), uninvoked),
            (
                Metric("SessionManagement", "JoinCount", fault),
                Metric("AWS/Lambda", "Errors", function),
                uninvoked,
            ),
        )
        return counters


def metric_sums(cloudwatch: Any, metrics: Sequence[Metric], since: datetime) -> list[int]:
    """Return the sum of each metric since a time, rounded down to a minute."""
    queries = [_query(f"m{index}", metric) for index, metric in enumerate(metrics)]
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries,
        StartTime=since.replace(second=0, microsecond=0),
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
    )
    sums = {query["Id"]: 0 for query in queries}
    for page in pages:
        for result in page["MetricDataResults"]:
            sums[result["Id"]] += round(sum(result["Values"]))
    return list(sums.values())


def _query(query_id: str, metric: Metric) -> dict[str, Any]:
    return {
        "Id": query_id,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }
