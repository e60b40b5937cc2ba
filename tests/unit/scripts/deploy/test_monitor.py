"""The monitor of a rollout reads what API Gateway and the log metrics count, by route."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import environments
from scripts.deploy.monitor import CloudWatchMonitor, Traffic
from scripts.project import ROOT

AWS = boto3.Session(region_name="us-east-1")  # shared, because creating a session is slow
CONNECT = "session-service-dev-connect_session"


class Environment(environments.Environment):
    def __init__(self) -> None:
        super().__init__("dev", ROOT)

    def client(self, service: str) -> Any:
        return AWS.client(service)

    def outputs(self) -> dict[str, Any]:
        (api,) = AWS.client("apigatewayv2").get_apis()["Items"]
        return {"http_api_id": api["ApiId"], "function_names": {"connect_session": CONNECT}}


@pytest.fixture
def api():
    with mock_aws():
        gateway = AWS.client("apigatewayv2")
        api = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        gateway.create_route(ApiId=api, RouteKey="GET /health")
        yield api


def count(namespace: str, name: str, value: int, **dimensions: str) -> None:
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    metric = {"MetricName": name, "Dimensions": pairs, "Value": value, "Timestamp": datetime.now(UTC)}
    AWS.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[metric])


def traffic() -> dict[str, Traffic]:
    return CloudWatchMonitor(Environment()).traffic(datetime.now(UTC) - timedelta(minutes=5))


def test_the_requests_of_a_route_are_counted_with_those_that_failed(api: str):
    route = {"ApiId": api, "Stage": "$default", "Method": "GET", "Resource": "/health"}
    count("AWS/ApiGateway", "Count", 40, **route)
    count("AWS/ApiGateway", "5xx", 3, **route)

    assert traffic()["GET /health"] == Traffic(40, 3)


def test_joins_are_counted_with_those_that_failed_by_a_fault_or_a_crash(api: str):
    count("AWS/Lambda", "Invocations", 50, FunctionName=CONNECT)
    count("AWS/Lambda", "Errors", 1, FunctionName=CONNECT)
    count("SessionManagement", "JoinCount", 3, Environment="dev", Outcome="fault")

    assert traffic()["$connect"] == Traffic(50, 4)


@pytest.mark.parametrize("outcome", ["joined", "full", "limited", "refused"])
def test_an_answered_join_is_no_failure(api: str, outcome: str):
    count("AWS/Lambda", "Invocations", 50, FunctionName=CONNECT)
    count("SessionManagement", "JoinCount", 50, Environment="dev", Outcome=outcome)

    assert traffic()["$connect"] == Traffic(50, 0)


def test_joins_of_another_environment_are_left_out(api: str):
    count("SessionManagement", "JoinCount", 3, Environment="prod", Outcome="fault")

    assert traffic()["$connect"] == Traffic(0, 0)


def test_handshakes_that_fail_before_the_function_count_as_joins(api: str):
    count("SessionManagement/dev", "UninvokedConnectionCount", 4)

    assert traffic()["$connect"] == Traffic(4, 4)


def test_without_traffic_nothing_failed(api: str):
    assert traffic() == {"GET /health": Traffic(0, 0), "$connect": Traffic(0, 0)}
