"""What Terraform declared, read from `terraform show -json`: nothing is served that is not in here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scripts.local.config import event_sources, websocket_api
from scripts.local.config.event_sources import EventSource
from scripts.local.config.terraform_state import NotServable as NotServable
from scripts.local.config.terraform_state import Resources, function_name
from scripts.local.config.terraform_state import Throttle as Throttle
from scripts.local.config.websocket_api import WebSocketApi


@dataclass(frozen=True)
class Cors:
    """The CORS configuration of the API; `max_age` in seconds."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None


@dataclass(frozen=True)
class JwtAuthorizer:
    """A JWT authorizer; `header` is the lower-case header named by its identity source."""

    issuer: str
    audience: tuple[str, ...]
    header: str = "authorization"


@dataclass(frozen=True)
class Route:
    """One route, its integration with a function, and what guards it; `timeout` in seconds."""

    method: str
    path: str
    function: str
    permitted: bool = True
    authorizer: JwtAuthorizer | None = None
    scopes: tuple[str, ...] = ()
    throttle: Throttle | None = None
    timeout: float = 30.0

    @property
    def key(self) -> str:
        """The route key as API Gateway writes it: `GET /sessions/{sessionId}`."""
        return "$default" if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class HttpApi:
    """An HTTP API with its one stage."""

    id: str
    domain: str
    account: str
    routes: tuple[Route, ...]
    stage: str = "$default"
    stage_variables: tuple[tuple[str, str], ...] = ()
    cors: Cors | None = None
    access_log_format: str = '{"requestId":"$context.requestId","status":"$context.status"}'


@dataclass(frozen=True)
class Function:
    """A Lambda function; `code` is the bucket and key of its zip, `timeout` in seconds."""

    name: str
    arn: str
    handler: str
    runtime: str
    code: tuple[str, str]
    memory_mb: int
    timeout: float
    environment: Mapping[str, str]
    reserved_concurrency: int | None = None
    log_format: str = "JSON"
    log_level: str = "INFO"


@dataclass(frozen=True)
class Declared:
    """The APIs, the streams, the functions by name, and the user pool that speakers sign in to."""

    api: HttpApi
    websocket_api: WebSocketApi
    event_sources: tuple[EventSource, ...]
    functions: Mapping[str, Function]
    user_pool_id: str
    user_pool_client_id: str


def read(shown: str) -> Declared:
    """Read the output of `terraform show -json`, taken after an apply.

    Raises NotServable where a part is missing, dangling or of a kind that is not served here.
    """
    values = json.loads(shown).get("values") or {}
    state = Resources(values)
    api = _http_api(state)
    websocket = websocket_api.read(state)
    sources = event_sources.read(state)
    functions = {function.name: function for function in map(_function, state.all("aws_lambda_function"))}
    led_to = {route.key: route.function for route in api.routes}
    led_to |= {route.key: route.function for route in websocket.functions}
    led_to |= {source.stream_arn: source.function for source in sources}
    for key, function in led_to.items():
        if function not in functions:
            raise NotServable(f"{key} leads to {function}, which Terraform does not declare.")
    return Declared(
        api=api,
        websocket_api=websocket,
        event_sources=sources,
        functions=functions,
        user_pool_id=_output(values, "user_pool_id"),
        user_pool_client_id=_output(values, "user_pool_client_id"),
    )


def _output(values: Mapping[str, Any], name: str) -> str:
    try:
        return str(values["outputs"][name]["value"])
    except KeyError:
        raise NotServable(f"Terraform has no output {name}.") from None


def _http_api(state: Resources) -> HttpApi:
    api = state.one("aws_apigatewayv2_api", protocol_type="HTTP")
    stage = state.one("aws_apigatewayv2_stage", api_id=api["id"])
    throttles, default = state.throttles(stage)
    access_log = (stage["access_log_settings"] or [{}])[0]
    return HttpApi(
        id=api["id"],
        domain=urlsplit(api["api_endpoint"]).hostname or "",
        account=api["execution_arn"].split(":")[4],
        routes=tuple(
            _route(state, api, stage["name"], route, throttles.get(route["route_key"]) or default)
            for route in state.all("aws_apigatewayv2_route", api_id=api["id"])
        ),
        stage=stage["name"],
        stage_variables=tuple(sorted((stage["stage_variables"] or {}).items())),
        cors=_cors(api["cors_configuration"]),
        access_log_format=access_log.get("format") or HttpApi.access_log_format,
    )


def _cors(blocks: list[dict[str, Any]] | None) -> Cors | None:
    if not blocks:
        return None
    block = blocks[0]
    return Cors(
        allow_origins=tuple(block["allow_origins"] or ()),
        allow_methods=tuple(block["allow_methods"] or ()),
        allow_headers=tuple(block["allow_headers"] or ()),
        expose_headers=tuple(block["expose_headers"] or ()),
        allow_credentials=bool(block["allow_credentials"]),
        max_age=block["max_age"] or None,
    )


def _route(
    state: Resources, api: Mapping[str, Any], stage: str, route: Mapping[str, Any], throttle: Throttle | None
) -> Route:
    method, _, path = route["route_key"].rpartition(" ")
    integration = state.one(
        "aws_apigatewayv2_integration", api_id=api["id"], id=route["target"].removeprefix("integrations/")
    )
    if (integration["integration_type"], integration["payload_format_version"]) != ("AWS_PROXY", "2.0"):
        raise NotServable(f"{route['route_key']} is not integrated as AWS_PROXY with payload format 2.0.")
    function = function_name(integration["integration_uri"])
    return Route(
        method=method,
        path=path,
        function=function,
        permitted=state.permitted(function, f"{api['execution_arn']}/{stage}/{method}{path}"),
        authorizer=_authorizer(state, api, route),
        scopes=tuple(route["authorization_scopes"] or ()),
        throttle=throttle,
        timeout=(integration["timeout_milliseconds"] or 30_000) / 1_000,
    )


def _authorizer(state: Resources, api: Mapping[str, Any], route: Mapping[str, Any]) -> JwtAuthorizer | None:
    if route["authorization_type"] in (None, "NONE"):
        return None
    declared = state.one("aws_apigatewayv2_authorizer", api_id=api["id"], id=route["authorizer_id"])
    (source,) = declared["identity_sources"]
    if declared["authorizer_type"] != "JWT" or not source.startswith("$request.header."):
        raise NotServable(f"{route['route_key']}: only JWT authorizers on a header are served here.")
    (jwt,) = declared["jwt_configuration"]
    return JwtAuthorizer(
        issuer=jwt["issuer"],
        audience=tuple(jwt["audience"] or ()),
        header=source.removeprefix("$request.header.").lower(),
    )


def _function(function: Mapping[str, Any]) -> Function:
    reserved = function["reserved_concurrent_executions"]
    logging = (function["logging_config"] or [{}])[0]
    return Function(
        name=function["function_name"],
        arn=function["arn"],
        handler=function["handler"],
        runtime=function["runtime"],
        code=(function["s3_bucket"], function["s3_key"]),
        memory_mb=function["memory_size"],
        timeout=function["timeout"],
        environment={
            name: value
            for block in function["environment"] or []
            for name, value in (block["variables"] or {}).items()
        },
        reserved_concurrency=None if reserved in (None, -1) else reserved,
        log_format=logging.get("log_format") or "Text",
        log_level=logging.get("application_log_level") or "INFO",
    )
