"""The resources of a Terraform state, as `terraform show -json` tells them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


class NotServable(Exception):
    """Terraform declared something that this local system does not know how to serve."""


@dataclass(frozen=True)
class Throttle:
    """A token bucket: `rate` requests per second in the long run, `burst` at once."""

    rate: float
    burst: int


class Resources:
    """The resources of a state, by type."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._resources = list(_resources(values.get("root_module", {})))

    def all(self, kind: str, **where: object) -> list[dict[str, Any]]:
        """Return the values of all resources of a type whose attributes are as given."""
        return [
            resource["values"]
            for resource in self._resources
            if resource["mode"] == "managed"
            and resource["type"] == kind
            and all(resource["values"].get(name) == value for name, value in where.items())
        ]

    def one(self, kind: str, **where: object) -> dict[str, Any]:
        """Return the one that there is. Raises NotServable when there are none or more."""
        found = self.all(kind, **where)
        if len(found) != 1:
            raise NotServable(f"Terraform declares {len(found)} of {kind} {where or ''}, not exactly one.")
        return found[0]

    def throttles(self, stage: Mapping[str, Any]) -> tuple[dict[str, Throttle | None], Throttle | None]:
        """Return the throttles of a stage by route key, and the one of any other route."""
        own = {setting["route_key"]: _throttle(setting) for setting in stage["route_settings"] or []}
        return own, _throttle((stage["default_route_settings"] or [{}])[0])

    def permitted(self, function: str, caller: str) -> bool:
        """Return whether API Gateway may invoke the function for a route or authorizer, by its ARN."""
        return any(
            permission["principal"] == "apigateway.amazonaws.com"
            and permission["function_name"].rpartition(":function:")[2].partition(":")[0] == function
            and fnmatchcase(caller, permission["source_arn"] or "*")
            for permission in self.all("aws_lambda_permission")
        )


def function_name(uri: str) -> str:
    """Return the name of the function that an ARN or an integration's URI names. Raises NotServable."""
    found = re.search(r":function:([^:/]+)", uri)
    if found is None:
        raise NotServable(f"{uri} names no Lambda function.")
    return found[1]


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _throttle(setting: Mapping[str, Any]) -> Throttle | None:
    rate, burst = setting.get("throttling_rate_limit"), setting.get("throttling_burst_limit")
    return Throttle(rate=float(rate), burst=int(burst)) if rate and burst else None
