"""prod in an empty account, deployed by the role that bootstrap created, with IAM enforced."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from tests.conformance import exceptions
from tests.conformance.deployment.environments import Deployment


def changed_attributes(plan: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the address and the name of each attribute that a plan changes."""
    changes = {
        resource["address"]: resource["change"]
        for resource in plan["resource_changes"]
        if resource["change"]["actions"] not in (["no-op"], ["read"])
    }
    return {
        (address, name)
        for address, change in changes.items()
        for name, value in (change["after"] or {"(deleted)": True}).items()
        if value != (change["before"] or {}).get(name)
    }


def test_a_second_plan_changes_only_what_the_emulator_forgets(deployed: dict[str, Deployment]):
    changes = changed_attributes(deployed["prod"].plan_of_pull_request())

    known = {
        change: exception
        for change in changes
        for exception in exceptions.FORGOTTEN
        if change[1] == exception[1] and fnmatchcase(change[0], exception[0])
    }
    assert changes - known.keys() == set()
    assert set(exceptions.FORGOTTEN) - set(known.values()) == set(), "exceptions that no longer occur"
