"""Which GitHub jobs may assume the roles of deployers."""

import pytest
from botocore.exceptions import ClientError

from tests.conformance.deployment.environments import OWNER_ID, REPOSITORY_ID, SUBJECT, Account


@pytest.mark.parametrize(
    "subject",
    [
        f"{SUBJECT}:environment:staging",
        f"{SUBJECT}:pull_request",
        f"{SUBJECT}:ref:refs/heads/main",
        f"repo:example@{OWNER_ID}/session-service@1:environment:prod",
        f"repo:example@1/session-service@{REPOSITORY_ID}:environment:prod",
        "repo:example/session-service:environment:prod",
    ],
)
def test_only_jobs_of_the_environment_deploy_to_prod(account: Account, subject: str):
    with pytest.raises(ClientError, match="AccessDenied"):
        account.emulator.assume_role(account.deploy_roles["prod"], subject)


def test_a_pull_request_plans_and_does_not_deploy(account: Account):
    assert account.planner("dev")
    with pytest.raises(ClientError, match="AccessDenied"):
        account.emulator.assume_role(account.plan_roles["dev"], f"{SUBJECT}:environment:dev")
