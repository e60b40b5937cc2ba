"""The WebSocket API that Terraform declares: its authorizer, its routes, and what answers each of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from scripts.local.config.routes import Throttle, Throttles, integration, may_invoke
from scripts.local.config.terraform_state import NotServable, TerraformState, function_name

ROUTE_SELECTION = "$request.body.action"

REQUEST_TIME = re.compile(r"\$context\.requestTimeEpoch(?![\w.])")
"""The one variable that the templates of mock responses may contain: the time of the message, epoch ms."""


@dataclass(frozen=True)
class Authorizer:
    """A REQUEST authorizer of $connect."""

    function: str
    permitted: bool = True


@dataclass(frozen=True)
class FunctionRoute:
    """A route that invokes a function; `timeout` in seconds.

    `answers` is whether the body of the function's result is sent to the client. $connect and $disconnect
    never send one.
    """

    key: str
    function: str
    permitted: bool = True
    throttle: Throttle | None = None
    timeout: float = 29.0
    answers: bool = False


@dataclass(frozen=True)
class MockRoute:
    """A route of messages that API Gateway answers itself. Without a `body` it answers nothing.

    `body` is a template, with REQUEST_TIME as its only variable.
    """

    key: str
    body: str | None
    throttle: Throttle | None = None


@dataclass(frozen=True)
class WebSocketApi:
    """A WebSocket API with its one stage."""

    id: str
    domain: str
    execution_arn: str
    stage: str
    authorizer: Authorizer | None
    connect: FunctionRoute
    disconnect: FunctionRoute | None
    messages: Mapping[str, MockRoute | FunctionRoute]
    stage_variables: tuple[tuple[str, str], ...] = ()
    access_log_format: str = '{"requestId":"$context.requestId","status":"$context.status"}'

    @property
    def functions(self) -> tuple[FunctionRoute, ...]:
        """The routes that invoke functions."""
        routes = (self.connect, self.disconnect, *self.messages.values())
        return tuple(route for route in routes if isinstance(route, FunctionRoute))

    @property
    def endpoint(self) -> str:
        """The URL of @connections on AWS, by which functions send to open connections."""
        return f"https://{self.domain}/{self.stage}"


def read(state: TerraformState) -> WebSocketApi:
    """Read the one WebSocket API. Raises NotServable where a part is missing or of an unsupported kind."""
    api = state.one("aws_apigatewayv2_api", protocol_type="WEBSOCKET")
    if api["route_selection_expression"] != ROUTE_SELECTION:
        raise NotServable(
            f"Messages are routed by {api['route_selection_expression']}, not by {ROUTE_SELECTION}."
        )
    stage = state.one("aws_apigatewayv2_stage", api_id=api["id"])
    stage_arn, throttles = f"{api['execution_arn']}/{stage['name']}", Throttles(stage)
    routes = {route["route_key"]: route for route in state.all("aws_apigatewayv2_route", api_id=api["id"])}
    if "$connect" not in routes:
        raise NotServable("The WebSocket API has no $connect route.")
    connect, disconnect = routes.pop("$connect"), routes.pop("$disconnect", None)
    access_log = (stage["access_log_settings"] or [{}])[0]
    return WebSocketApi(
        id=api["id"],
        domain=urlsplit(api["api_endpoint"]).hostname or "",
        execution_arn=api["execution_arn"],
        stage=stage["name"],
        authorizer=_authorizer(state, api, connect),
        connect=_function_route(state, stage_arn, throttles, connect),
        disconnect=_function_route(state, stage_arn, throttles, disconnect) if disconnect else None,
        messages={key: _message_route(state, stage_arn, throttles, route) for key, route in routes.items()},
        stage_variables=tuple(sorted((stage["stage_variables"] or {}).items())),
        access_log_format=access_log.get("format") or WebSocketApi.access_log_format,
    )


def _message_route(
    state: TerraformState, stage_arn: str, throttles: Throttles, route: Mapping[str, Any]
) -> MockRoute | FunctionRoute:
    """Return a route of messages. It sends an answer only if it has a route response that it selects.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
    """
    key = route["route_key"]
    answers = bool(
        state.all("aws_apigatewayv2_route_response", route_id=route["id"], route_response_key="$default")
    )
    selection = route["route_response_selection_expression"]
    if answers and selection != "$default":
        raise NotServable(f"{key} has a route response, which {selection} does not select.")
    mock = integration(state, route)
    if mock["integration_type"] == "MOCK":
        body = _mock_response(state, key, mock) if answers else None
        return MockRoute(key, body, throttles.of(key))
    return replace(_function_route(state, stage_arn, throttles, route), answers=answers)


def _function_route(
    state: TerraformState, stage_arn: str, throttles: Throttles, route: Mapping[str, Any]
) -> FunctionRoute:
    key, target = route["route_key"], integration(state, route)
    if target["integration_type"] != "AWS_PROXY":
        raise NotServable(f"{key} is not integrated as AWS_PROXY.")
    function = function_name(target["integration_uri"])
    return FunctionRoute(
        key=key,
        function=function,
        permitted=may_invoke(state, function, f"{stage_arn}/{key}"),
        throttle=throttles.of(key),
        timeout=(target["timeout_milliseconds"] or 29_000) / 1_000,
    )


def _authorizer(state: TerraformState, api: Mapping[str, Any], route: Mapping[str, Any]) -> Authorizer | None:
    if route["authorization_type"] in (None, "NONE"):
        return None
    authorizer = state.one("aws_apigatewayv2_authorizer", api_id=api["id"], id=route["authorizer_id"])
    if authorizer["authorizer_type"] != "REQUEST" or authorizer["identity_sources"]:
        raise NotServable("$connect: only REQUEST authorizers without identity sources are supported.")
    function = function_name(authorizer["authorizer_uri"])
    source_arn = f"{api['execution_arn']}/authorizers/{authorizer['id']}"
    return Authorizer(function, may_invoke(state, function, source_arn))


def _mock_response(state: TerraformState, route_key: str, mock: Mapping[str, Any]) -> str:
    """Return the response template of a mock integration."""
    response = state.one("aws_apigatewayv2_integration_response", integration_id=mock["id"])
    selection, key = response["template_selection_expression"], response["integration_response_key"]
    templates: dict[str, str] = response["response_templates"] or {}
    if key not in ("/200/", "$default") or selection not in templates:
        raise NotServable(f"{route_key}: its integration response is not one for 200.")
    if {"$", "#"} & set(REQUEST_TIME.sub("", templates[selection])):
        raise NotServable(
            f"{route_key}: the local system renders $context.requestTimeEpoch and plain text only, "
            f"not the response template {templates[selection]}"
        )
    return templates[selection]
