"""The WebSocket API read from Terraform's state, and what is not supported."""

from typing import Any

import pytest

from scripts.local.config import websocket_api
from scripts.local.config.routes import Throttle
from scripts.local.config.terraform_state import NotServable, TerraformState
from scripts.local.config.websocket_api import Authorizer, FunctionRoute, MockRoute, WebSocketApi
from tests.support.websocket_state import resources


def _read(**changed: Any) -> WebSocketApi:
    return websocket_api.read(TerraformState({"root_module": resources(**changed)}))


def test_connect_has_its_function_authorizer_and_throttle():
    api = _read()

    assert (api.connect.function, api.connect.permitted, api.connect.timeout) == ("make", True, 11.0)
    assert api.connect.throttle == Throttle(rate=5, burst=9)
    assert api.authorizer == Authorizer("make", permitted=True)


def test_a_route_without_its_own_permission_is_not_permitted():
    assert _read().disconnect == FunctionRoute(
        "$disconnect", "make", permitted=False, throttle=Throttle(50, 100), timeout=11.0
    )


def test_a_mock_response_is_read_from_its_template():
    assert _read().messages["$default"] == MockRoute("$default", '{"type":"error"}', Throttle(50, 100))


def test_a_template_that_is_not_supported_is_named():
    with pytest.raises(NotServable, match=r"\$default: .* \$context.connectionId"):
        _read(integration_response={"response_templates": {"200": "$context.connectionId"}})


def test_a_mock_response_without_a_route_response_never_reaches_the_client():
    assert isinstance(route := _read().messages["silent"], MockRoute)
    assert route.body is None


def test_a_mock_response_may_contain_the_time_of_the_message():
    template = '{"timestamp":$context.requestTimeEpoch}'

    api = _read(integration_response={"response_templates": {"200": template}})

    assert isinstance(route := api.messages["$default"], MockRoute)
    assert route.body == template


def test_a_function_answers_messages_of_a_route_with_a_route_response():
    assert _read().messages["ask"] == FunctionRoute(
        "ask", "make", permitted=True, throttle=Throttle(50, 100), timeout=11.0, answers=True
    )


def test_a_function_of_a_route_without_a_route_response_answers_nothing():
    api = _read()

    assert api.messages["tell"] == FunctionRoute(
        "tell", "make", permitted=False, throttle=Throttle(50, 100), timeout=11.0, answers=False
    )
    assert {route.key for route in api.functions} == {"$connect", "$disconnect", "ask", "tell"}


def test_the_endpoint_is_the_one_in_the_settings_of_functions():
    assert _read().endpoint == "https://ws1.execute-api.us-east-1.amazonaws.com/ws"


@pytest.mark.parametrize(
    "changed",
    [
        {"without": ("api",)},
        {"without": ("stage",)},
        {"without": ("connect",)},
        {"without": ("integration_response",)},
        {"api": {"route_selection_expression": "$request.body.type"}},
        {"authorizer": {"authorizer_type": "JWT"}},
        {"authorizer": {"identity_sources": ["route.request.querystring.token"]}},
        {"function": {"integration_type": "HTTP"}},
        {"reply": {"integration_type": "HTTP"}},
        {"integration_response": {"integration_response_key": "/400/"}},
        {"integration_response": {"template_selection_expression": "500"}},
        {"integration_response": {"response_templates": {"200": "$input.body"}}},
        {"integration_response": {"response_templates": {"200": "$context.requestTimeEpochs"}}},
        {"integration_response": {"response_templates": {"200": "$context.requestTimeEpoch.x"}}},
        {"integration_response": {"response_templates": {"200": "${context.requestTimeEpoch}"}}},
        {"integration_response": {"response_templates": {"200": "$context.requestTimeEpoch #if"}}},
        {"ask": {"route_response_selection_expression": None}},
        {"default": {"route_response_selection_expression": "$request.body.type"}},
    ],
)
def test_an_api_that_is_not_supported_is_rejected(changed: dict[str, Any]):
    with pytest.raises(NotServable):
        _read(**changed)
