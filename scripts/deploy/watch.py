"""What tells a rollout that a release does harm: alarms, and the share of requests that fail."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.environments import Environment

FAILED_SHARE = 0.05
LEAST_FAILED = 3
"""Requests of a route that must have failed before their share says anything."""


@dataclass(frozen=True)
class Traffic:
    """Requests and those that were answered with 5xx."""

    requests: int = 0
    failed: int = 0

    @property
    def bad(self) -> bool:
        """Whether more failed than may."""
        return self.failed >= LEAST_FAILED and self.failed > FAILED_SHARE * self.requests

    def __add__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.requests + other.requests, self.failed + other.failed)

    def __str__(self) -> str:
        share = 100 * self.failed / self.requests if self.requests else 0.0
        return f"{self.failed} of {self.requests} requests failed ({share:.1f} %)"


class Watch:
    """The alarms and the HTTP API's own metrics of an environment."""

    def __init__(self, environment: Environment, api_id: str) -> None:
        self._cloudwatch = environment.client("cloudwatch")
        self._gateway = environment.client("apigatewayv2")
        self._prefix = environment.prefix
        self._api_id = api_id

    def alarms(self) -> list[str]:
        """Return the names of the environment's alarms that are on."""
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
        """Return what each route has answered since a time. CloudWatch is a minute late."""
        pages = self._gateway.get_paginator("get_routes").paginate(ApiId=self._api_id)
        routes = [route["RouteKey"] for page in pages for route in page["Items"] if " " in route["RouteKey"]]
        queries = [
            self._query(f"{metric}{place}", name, route)
            for place, route in enumerate(routes)
            for metric, name in (("requests", "Count"), ("failed", "5xx"))
        ]
        answered = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries,
            StartTime=since.replace(second=0, microsecond=0),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
        )
        sums = {query["Id"]: 0 for query in queries}
        for page in answered:
            for result in page["MetricDataResults"]:
                sums[result["Id"]] += round(sum(result["Values"]))
        return {
            route: Traffic(sums[f"requests{place}"], sums[f"failed{place}"])
            for place, route in enumerate(routes)
        }

    def _query(self, key: str, metric: str, route: str) -> dict[str, Any]:
        method, path = route.split(" ")
        dimensions = {"ApiId": self._api_id, "Stage": "$default", "Method": method, "Resource": path}
        return {
            "Id": key,
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
