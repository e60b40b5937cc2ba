"""What routes of both APIs have: a throttle, an integration, and the permission to invoke a function."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from scripts.local.config.terraform_state import TerraformState


@dataclass(frozen=True)
class Throttle:
    """A token bucket: `rate` requests per second in the long run, `burst` at once."""

    rate: float
    burst: int


class Throttles:
    """The throttles of a stage, by route key; a route without its own has the stage's default."""

    def __init__(self, stage: Mapping[str, Any]) -> None:
        self._default = _throttle((stage["default_route_settings"] or [{}])[0])
        self._by_route = {
            settings["route_key"]: _throttle(settings) for settings in stage["route_settings"] or []
        }

    def of(self, route_key: str) -> Throttle | None:
        """Return the throttle of a route; None where neither the route nor the stage has one."""
        return self._by_route.get(route_key) or self._default


def _throttle(settings: Mapping[str, Any]) -> Throttle | None:
    rate, burst = settings.get("throttling_rate_limit"), settings.get("throttling_burst_limit")
    return Throttle(rate=float(rate), burst=int(burst)) if rate and burst else None


def integration(state: TerraformState, route: Mapping[str, Any]) -> dict[str, Any]:
    """Return the integration that a route targets. Raises NotServable."""
    integration_id = route["target"].removeprefix("integrations/")
    return state.one("aws_apigatewayv2_integration", api_id=route["api_id"], id=integration_id)


def may_invoke(state: TerraformState, function: str, source_arn: str) -> bool:
    """Return whether API Gateway may invoke the function for a route or authorizer, given by its ARN."""
    return any(
        permission["principal"] == "apigateway.amazonaws.com"
        and permission["function_name"].rpartition(":function:")[2].partition(":")[0] == function
        and fnmatchcase(source_arn, permission["source_arn"] or "*")
        for permission in state.all("aws_lambda_permission")
    )
