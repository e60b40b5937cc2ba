"""The changes that a Terraform plan makes: a summary for operators, and protection against data loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.errors import PreconditionFailed

# Resources whose content is lost with them.
_HOLD_DATA = {"aws_dynamodb_table": "table", "aws_cognito_user_pool": "user pool"}

_SYMBOLS = {"add": "+", "change": "~", "replace": "-/+", "destroy": "-"}

# https://developer.hashicorp.com/terraform/internals/json-format#change-representation
_KINDS: Mapping[tuple[str, ...], str] = {
    ("create",): "add",
    ("update",): "change",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}


@dataclass(frozen=True)
class Change:
    """A change of one resource. `attributes` are the names of those that change, where the plan has them."""

    kind: str
    address: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        attributes = f" ({', '.join(self.attributes)})" if self.attributes else ""
        return f"  {_SYMBOLS[self.kind]:3} {self.address}{attributes}"


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """Return the changes of a plan, given the document of `terraform show -json`; reads are left out."""
    return [
        Change(_KINDS[actions], resource["address"], _changed_attributes(resource["change"]))
        for resource in plan.get("resource_changes", [])
        if (actions := tuple(resource["change"]["actions"])) in _KINDS
    ]


def summary(changes: Sequence[Change]) -> str:
    """Return the number of changes of each kind, and one line per change."""
    if not changes:
        return "Nothing to change."
    counts = [f"{sum(change.kind == kind for change in changes)} to {kind}" for kind in _SYMBOLS]
    lines = map(str, sorted(changes, key=lambda change: change.address))
    return "\n".join([f"{', '.join(counts)}:", *lines])


def refuse_data_loss(changes: Sequence[Change]) -> None:
    """Raise PreconditionFailed when a change would destroy a table or the user pool."""
    lost = [
        f"the {name} {change.address}"
        for change in changes
        for resource_type, name in _HOLD_DATA.items()
        if change.kind in ("destroy", "replace") and f".{resource_type}." in f".{change.address}"
    ]
    if lost:
        raise PreconditionFailed(
            f"This plan would destroy {', '.join(lost)}, and all data in it. If you mean to do that, use "
            "Terraform itself (docs/deploy.md)."
        )


def _changed_attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = change["before"], change["after"]
    if not before or not after:
        return ()
    return tuple(sorted(name for name, value in after.items() if value != before.get(name)))
