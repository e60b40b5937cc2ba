"""A Terraform state, read from the output of `terraform show -json` after an apply.

https://developer.hashicorp.com/terraform/internals/json-format#state-representation
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.errors import CommandError


class NotServable(CommandError):
    """Terraform declares something that the local system does not support, or lacks something it needs."""


class TerraformState:
    """The managed resources and the outputs of a state. Raises NotServable where one is missing."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._resources = list(_resources(values.get("root_module", {})))
        self._outputs: Mapping[str, Any] = values.get("outputs", {})

    @classmethod
    def parse(cls, shown: str) -> "TerraformState":
        """Parse the output of `terraform show -json`."""
        return cls(json.loads(shown).get("values") or {})

    def all(self, kind: str, **attributes: object) -> list[dict[str, Any]]:
        """Return the values of all managed resources of a type that have these attributes."""
        return [
            resource["values"]
            for resource in self._resources
            if resource["mode"] == "managed"
            and resource["type"] == kind
            and all(resource["values"].get(name) == value for name, value in attributes.items())
        ]

    def one(self, kind: str, **attributes: object) -> dict[str, Any]:
        """Return the values of the only such resource. Raises NotServable unless there is exactly one."""
        resources = self.all(kind, **attributes)
        if len(resources) != 1:
            raise NotServable(
                f"Terraform declares {len(resources)} of {kind} {attributes or ''}, not exactly one."
            )
        return resources[0]

    def output(self, name: str) -> str:
        """Return the value of an output. Raises NotServable when there is none of that name."""
        if name not in self._outputs:
            raise NotServable(f"Terraform has no output {name}.")
        return str(self._outputs[name]["value"])


def function_name(arn: str) -> str:
    """Return the function's name in its ARN or in an integration's URI. Raises NotServable."""
    match = re.search(r":function:([^:/]+)", arn)
    if match is None:
        raise NotServable(f"{arn} names no Lambda function.")
    return match[1]


def _resources(module: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)
