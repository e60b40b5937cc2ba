"""Environments that were changed and destroyed by their deployers."""

from tests.conformance.deployment.environments import Deployment


def test_nothing_of_an_environment_is_left(destroyed: dict[str, Deployment]):
    emulator = next(iter(destroyed.values())).account.emulator

    tables = emulator.client("dynamodb").list_tables()["TableNames"]
    functions = emulator.client("lambda").list_functions()["Functions"]
    buckets = [bucket["Name"] for bucket in emulator.client("s3").list_buckets()["Buckets"]]
    groups = emulator.client("logs").describe_log_groups()["logGroups"]
    apis = emulator.client("apigatewayv2").get_apis()["Items"]
    schedules = emulator.client("scheduler").list_schedules()["Schedules"]

    assert (tables, functions, groups, apis, schedules) == ([], [], [], [], [])
    assert len(buckets) == 1  # of the states
