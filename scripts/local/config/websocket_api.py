"""The WebSocket API that Terraform declared: its routes, what answers them, and who is asked first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scripts.local.config.terraform_state import NotServable, Resources, Throttle, function_name

SELECTION = "$request.body.action"


@dataclass(frozen=True)
class Authorizer:
    """A REQUEST authorizer of $connect."""

    function: str
    permitted: bool = True


@dataclass(frozen=True)
class FunctionRoute:
    """$connect or $disconnect, answered by a function; `timeout` in seconds."""

    key: str
    function: str
    permitted: bool = True
    throttle: Throttle | None = None
    timeout: float = 29.0


@dataclass(frozen=True)
class Reply:
    """A route of messages that API Gateway answers itself, with `body`; None is no answer."""

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
    replies: Mapping[str, Reply]
    stage_variables: tuple[tuple[str, str], ...] = ()
    access_log_format: str = '{"requestId":"$context.requestId","status":"$context.status"}'

    @property
    def functions(self) -> tuple[FunctionRoute, ...]:
        """The routes that functions answer."""
        return tuple(route for route in (self.connect, self.disconnect) if route)

    @property
    def endpoint(self) -> str:
        """The URL that functions reach open connections at, on AWS."""
        return f"https://{self.domain}/{self.stage}"


def read(state: Resources) -> WebSocketApi:
    """Read the one WebSocket API. Raises NotServable where a part is missing or of a kind not served here."""
    api = state.one("aws_apigatewayv2_api", protocol_type="WEBSOCKET")
    if api["route_selection_expression"] != SELECTION:
        raise NotServable(f"Messages are routed by {api['route_selection_expression']}, not by {SELECTION}.")
    stage = state.one("aws_apigatewayv2_stage", api_id=api["id"])
    throttles, default = state.throttles(stage)
    routes = {route["route_key"]: route for route in state.all("aws_apigatewayv2_route", api_id=api["id"])}
    if "$connect" not in routes:
        raise NotServable("The WebSocket API has no $connect route.")

    def function_route(key: str) -> FunctionRoute:
        integration = _integration(state, routes[key])
        if integration["integration_type"] != "AWS_PROXY":
            raise NotServable(f"{key} is not integrated as AWS_PROXY.")
        function = function_name(integration["integration_uri"])
        return FunctionRoute(
            key=key,
            function=function,
            permitted=state.permitted(function, f"{api['execution_arn']}/{stage['name']}/{key}"),
            throttle=throttles.get(key) or default,
            timeout=(integration["timeout_milliseconds"] or 29_000) / 1_000,
        )

    return WebSocketApi(
        id=api["id"],
        domain=urlsplit(api["api_endpoint"]).hostname or "",
        execution_arn=api["execution_arn"],
        stage=stage["name"],
        authorizer=_authorizer(state, api, routes["$connect"]),
        connect=function_route("$connect"),
        disconnect=function_route("$disconnect") if "$disconnect" in routes else None,
        replies={
            key: Reply(key, _reply(state, route), throttles.get(key) or default)
            for key, route in routes.items()
            if key not in ("$connect", "$disconnect")
        },
        stage_variables=tuple(sorted((stage["stage_variables"] or {}).items())),
        access_log_format=(stage["access_log_settings"] or [{}])[0].get("format")
        or WebSocketApi.access_log_format,
    )


def _integration(state: Resources, route: Mapping[str, Any]) -> dict[str, Any]:
    return state.one(
        "aws_apigatewayv2_integration",
        api_id=route["api_id"],
        id=route["target"].removeprefix("integrations/"),
    )


def _authorizer(state: Resources, api: Mapping[str, Any], route: Mapping[str, Any]) -> Authorizer | None:
    if route["authorization_type"] in (None, "NONE"):
        return None
    declared = state.one("aws_apigatewayv2_authorizer", api_id=api["id"], id=route["authorizer_id"])
    if declared["authorizer_type"] != "REQUEST" or declared["identity_sources"]:
        raise NotServable("$connect: only REQUEST authorizers without identity sources are served here.")
    function = function_name(declared["authorizer_uri"])
    return Authorizer(
        function, state.permitted(function, f"{api['execution_arn']}/authorizers/{declared['id']}")
    )


def _reply(state: Resources, route: Mapping[str, Any]) -> str | None:
    """What a mock integration says, if a route response lets it through to the client."""
    integration = _integration(state, route)
    if integration["integration_type"] != "MOCK":
        raise NotServable(f"{route['route_key']}: only MOCK integrations answer messages here.")
    if not state.all("aws_apigatewayv2_route_response", route_id=route["id"], route_response_key="$default"):
        return None
    response = state.one("aws_apigatewayv2_integration_response", integration_id=integration["id"])
    selected = (response["template_selection_expression"], response["integration_response_key"])
    templates: dict[str, str] = response["response_templates"] or {}
    if selected[1] not in ("/200/", "$default") or selected[0] not in templates:
        raise NotServable(f"{route['route_key']}: its integration response is not one for 200.")
    if {"$", "#"} & set(templates[selected[0]]):
        raise NotServable(f"{route['route_key']}: its response template holds more than plain text.")
    return templates[selected[0]]
