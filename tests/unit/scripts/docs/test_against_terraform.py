"""The routes in the documents are those that Terraform declares."""

from typing import Any

import pytest

from scripts.docs import asyncapi
from scripts.docs.openapi import document as openapi
from tests.support import terraform_console

DECLARED = (  # terraform console reads one line
    "{ functions = { for name, function in local.functions :"
    " name => { route = function.route, signed_in = function.signed_in } if can(function.route) },"
    " replies = local.websocket_replies }"
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

    assert declared["replies"] == {
        "heartbeat": messages["heartbeatAck"]["examples"][0]["payload"],
        "$default": messages["unknownAction"]["examples"][0]["payload"],
    }
    assert messages["heartbeat"]["examples"][0]["payload"]["action"] in declared["replies"]
