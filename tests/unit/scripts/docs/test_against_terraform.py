"""The routes in the documents are those that Terraform declares."""

from typing import Any

import pytest

from scripts.docs import asyncapi
from scripts.docs.client_messages import CLIENT_MESSAGES
from scripts.docs.openapi import document as openapi
from tests.support import terraform_console

DECLARED = (  # terraform console reads one line
    "{ functions = { for name, function in local.functions :"
    " name => { route = function.route, signed_in = function.signed_in } if can(function.route) },"
    " replies = local.websocket_replies, websocket_routes = keys(local.websocket_routes) }"
)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Evaluate Terraform's locals once: starting Terraform takes seconds."""
    values: dict[str, Any] = terraform_console.evaluate(DECLARED, tmp_path_factory.mktemp("root"))
    return values


def test_the_http_routes_and_their_security(declared: dict[str, Any]):
    documented = {
        operation["operationId"]: {
            "route": f"{method.upper()} {path}",
            "signed_in": operation["security"] == [{"speaker": []}],
        }
        for path, methods in openapi.document()["paths"].items()
        for method, operation in methods.items()
    }

    assert documented == declared["functions"]


def test_the_websocket_replies_of_api_gateway(declared: dict[str, Any]):
    messages = asyncapi.document()["components"]["messages"]

    def without_timestamp(name: str) -> dict[str, Any]:
        example: dict[str, Any] = messages[name]["examples"][0]["payload"]
        return {field: value for field, value in example.items() if field != "timestamp"}

    assert declared["replies"] == {
        "heartbeat": without_timestamp("heartbeatAck"),
        "$default": without_timestamp("unknownAction"),
    }


def test_the_websocket_routes_are_the_actions_of_clients(declared: dict[str, Any]):
    routes = {*declared["websocket_routes"], *declared["replies"]} - {"$connect", "$disconnect", "$default"}

    assert {message.action for message in CLIENT_MESSAGES} == routes
