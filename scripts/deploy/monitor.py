"""The signals that a rollout watches: CloudWatch alarms, and the requests that each route fails."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.environments import Environment

MAX_FAILED_SHARE = 0.05
MIN_FAILED = 3
"""Fewer failed requests of a route than this are not evidence, whatever their share."""


@dataclass(frozen=True)
class Traffic:
    """A number of requests, and how many of them were answered with 5xx."""

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


class CloudWatchMonitor:
    """The alarms of an environment and the metrics of its HTTP API."""

    def __init__(self, environment: Environment, api_id: str) -> None:
        self._cloudwatch = environment.client("cloudwatch")
        self._gateway = environment.client("apigatewayv2")
        self._prefix = environment.prefix
        self._api_id = api_id

    def active_alarms(self) -> list[str]:
        """Return the names of the environment's alarms that are in the state ALARM."""
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{self._prefix}-",
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
        )
        return sorted(
            alarm["AlarmName"]
            for page in pages
            for alarm in (*page.get("MetricAlarms", ()), *page.get("CompositeAlarms", ()))
            if alarm["StateValue"] == "ALARM"
        )

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        """Return the traffic of each route since a time. CloudWatch lags about a minute behind."""
        pages = self._gateway.get_paginator("get_routes").paginate(ApiId=self._api_id)
        routes = [route["RouteKey"] for page in pages for route in page["Items"] if " " in route["RouteKey"]]
        queries = [
            self._query(f"{kind}{index}", metric, route)
            for index, route in enumerate(routes)
            for kind, metric in (("requests", "Count"), ("failed", "5xx"))
        ]
        metric_data = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
        )
        sums = {query["Id"]: 0 for query in queries}
        for page in metric_data:
            for result in page["MetricDataResults"]:
                sums[result["Id"]] += round(sum(result["Values"]))
        return {
            route: Traffic(sums[f"requests{index}"], sums[f"failed{index}"])
            for index, route in enumerate(routes)
        }

    def _query(self, query_id: str, metric: str, route: str) -> dict[str, Any]:
        method, path = route.split(" ")
        dimensions = {"ApiId": self._api_id, "Stage": "$default", "Method": method, "Resource": path}
        return {
            "Id": query_id,
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApiGateway",
                    "MetricName": metric,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }
