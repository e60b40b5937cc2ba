"""Least privilege of deployers: a role allows all calls of deployments, and nothing that they do not call."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from scripts.environments import DEPLOYED
from tests.conformance import exceptions
from tests.conformance.deployment.environments import Deployment
from tests.conformance.deployment.permissions import read_log, required
from tests.conformance.deployment.policies import MAX_CHARACTERS, Permission, actions, allows
from tests.conformance.emulator import Emulator


def policy(deployment: Deployment) -> Mapping[str, Any]:
    """Return the deployer's policy."""
    role = deployment.account.deploy_roles[deployment.name].rpartition("/")[2]
    iam = deployment.account.emulator.client("iam")
    document: Mapping[str, Any] = iam.get_role_policy(RoleName=role, PolicyName="deploy")["PolicyDocument"]
    return document


def permissions(deployment: Deployment) -> set[Permission]:
    """Return what the provider's requests took, from apply to destroy."""
    return {
        permission
        for log in deployment.logs
        if log.exists()
        for call in read_log(log)
        for permission in required(call)
    }


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_deployer_may_do_whatever_terraform_calls(destroyed: dict[str, Deployment], name: str):
    document = policy(destroyed[name])

    denied = {
        str(permission) for permission in permissions(destroyed[name]) if not allows(document, permission)
    }

    assert denied == set()


def test_a_deployer_may_do_nothing_that_is_not_called(destroyed: dict[str, Deployment]):
    deployments = destroyed.values()
    allowed = set().union(*(actions(policy(deployment)) for deployment in deployments))
    emulator = next(iter(deployments)).account.emulator

    called = {permission.action for deployment in deployments for permission in permissions(deployment)}
    called |= {decision["action"] for decision in emulator.decisions if "deploy" in decision["principal"]}

    assert allowed - called == set(exceptions.NOT_CALLED)


@pytest.mark.parametrize("name", DEPLOYED)
def test_a_policy_is_not_longer_than_iam_allows(destroyed: dict[str, Deployment], name: str):
    text = json.dumps(policy(destroyed[name]), separators=(",", ":"))

    assert len(text) <= MAX_CHARACTERS


def test_nothing_was_denied(destroyed: dict[str, Deployment], ministack: Emulator):
    denied = {
        (decision["principal"], decision["action"], decision["resource"])
        for decision in ministack.decisions
        if not decision["allowed"]
    }

    assert denied == set()


def test_the_emulator_misjudges_what_the_exceptions_say(
    destroyed: dict[str, Deployment], ministack: Emulator
):
    misjudged = {tuple(decision["mistake"]) for decision in ministack.decisions if decision["mistake"]}

    assert misjudged == set(exceptions.MISJUDGED)
