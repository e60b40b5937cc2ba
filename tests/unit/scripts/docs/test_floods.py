"""The floods in docs/security.md: their routes and limits are Terraform's, and their costs are computed."""

from typing import Any

import pytest

from scripts.docs import floods
from scripts.docs.cost import Use
from scripts.docs.floods import FLOODS, Flood, Throttle
from scripts.project import ROOT
from tests.support import terraform_console


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return Terraform's routes and the limits of local."""
    expression = (
        "{ http_api = keys(local.http_routes),"
        " websocket_api = concat(keys(local.websocket_routes), keys(local.websocket_replies)),"
        " throttles = var.throttles }"
    )
    values: dict[str, Any] = terraform_console.evaluate(expression, tmp_path_factory.mktemp("root"))
    return values


@pytest.mark.parametrize("api", ["http_api", "websocket_api"])
def test_every_route_of_terraform_has_its_flood(declared: dict[str, Any], api: str):
    assert sorted(flood.route for flood in FLOODS if flood.api == api) == sorted(declared[api])


def test_the_limits_are_read_as_terraform_reads_them(declared: dict[str, Any]):
    read = {
        api: {route: throttle._asdict() for route, throttle in routes.items()}
        for api, routes in floods.throttles("local").items()
    }

    assert read == declared["throttles"]


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_the_limits_of_every_environment_are_found(environment: str):
    limits = floods.throttles(environment)

    assert set(limits) == {"http_api", "websocket_api"}
    assert all("default" in api for api in limits.values())
    assert len(limits["websocket_api"]) == 8


def test_a_route_without_a_limit_of_its_own_has_the_default():
    flood = Flood("http_api", "GET /other", "anybody", Use(), "nothing")

    assert floods.limit(flood, {"http_api": {"default": Throttle(5, 10)}}) == Throttle(5, 10)


def test_an_hour_costs_its_requests():
    flood = Flood("http_api", "GET /other", "anybody", Use(http_requests=1), "nothing")

    assert floods.cost_per_hour(flood, Throttle(1000, 2000)) == pytest.approx(3.6)  # 3.6 million at $1


def test_an_hour_of_heartbeats_costs_twice_its_messages_and_their_log():
    (heartbeat,) = [flood for flood in FLOODS if flood.route == "heartbeat"]

    assert floods.cost_per_hour(heartbeat, Throttle(1000, 2000)) == pytest.approx(7.2 + 0.54)


def test_the_page_has_the_table_of_floods():
    page = (ROOT / "docs/security.md").read_text()

    assert floods.section() in page
