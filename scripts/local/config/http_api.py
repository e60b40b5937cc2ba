"""The HTTP API that Terraform declares: its routes, their JWT authorizers, CORS and the access log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scripts.local.config.routes import Throttle, Throttles, integration, may_invoke
from scripts.local.config.terraform_state import NotServable, TerraformState, function_name


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
    """A route that invokes a function; `timeout` in seconds."""

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


def read(state: TerraformState) -> HttpApi:
    """Read the one HTTP API. Raises NotServable where a part is missing or of an unsupported kind."""
    api = state.one("aws_apigatewayv2_api", protocol_type="HTTP")
    stage = state.one("aws_apigatewayv2_stage", api_id=api["id"])
    stage_arn, throttles = f"{api['execution_arn']}/{stage['name']}", Throttles(stage)
    routes = state.all("aws_apigatewayv2_route", api_id=api["id"])
    access_log = (stage["access_log_settings"] or [{}])[0]
    return HttpApi(
        id=api["id"],
        domain=urlsplit(api["api_endpoint"]).hostname or "",
        account=api["execution_arn"].split(":")[4],
        routes=tuple(_route(state, stage_arn, throttles, route) for route in routes),
        stage=stage["name"],
        stage_variables=tuple(sorted((stage["stage_variables"] or {}).items())),
        cors=_cors(api["cors_configuration"]),
        access_log_format=access_log.get("format") or HttpApi.access_log_format,
    )


def _cors(blocks: list[dict[str, Any]] | None) -> Cors | None:
    if not blocks:
        return None
    (block,) = blocks
    names = ("allow_origins", "allow_methods", "allow_headers", "expose_headers")
    lists = {name: tuple(block[name] or ()) for name in names}
    return Cors(**lists, allow_credentials=bool(block["allow_credentials"]), max_age=block["max_age"] or None)


def _route(state: TerraformState, stage_arn: str, throttles: Throttles, route: Mapping[str, Any]) -> Route:
    method, _, path = route["route_key"].rpartition(" ")
    target = integration(state, route)
    if (target["integration_type"], target["payload_format_version"]) != ("AWS_PROXY", "2.0"):
        raise NotServable(f"{route['route_key']} is not integrated as AWS_PROXY with payload format 2.0.")
    function = function_name(target["integration_uri"])
    return Route(
        method=method,
        path=path,
        function=function,
        permitted=may_invoke(state, function, f"{stage_arn}/{method}{path}"),
        authorizer=_authorizer(state, route),
        scopes=tuple(route["authorization_scopes"] or ()),
        throttle=throttles.of(route["route_key"]),
        timeout=(target["timeout_milliseconds"] or 30_000) / 1_000,
    )


def _authorizer(state: TerraformState, route: Mapping[str, Any]) -> JwtAuthorizer | None:
    if route["authorization_type"] in (None, "NONE"):
        return None
    authorizer = state.one("aws_apigatewayv2_authorizer", api_id=route["api_id"], id=route["authorizer_id"])
    (source,) = authorizer["identity_sources"]
    if authorizer["authorizer_type"] != "JWT" or not source.startswith("$request.header."):
        raise NotServable(f"{route['route_key']}: only JWT authorizers on a header are supported.")
    (jwt,) = authorizer["jwt_configuration"]
    return JwtAuthorizer(
        issuer=jwt["issuer"],
        audience=tuple(jwt["audience"] or ()),
        header=source.removeprefix("$request.header.").lower(),
    )
