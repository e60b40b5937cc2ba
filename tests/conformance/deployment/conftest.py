"""Environments at the end of their lives."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.deployment import environments
from tests.conformance.deployment.environments import Account, Deployment


@pytest.fixture(scope="session")
def destroyed(account: Account, deployed: dict[str, Deployment]) -> dict[str, Deployment]:
    """Change every environment, then destroy it."""
    environments.copy_build(account.project, "2.0.0")

    def change_and_destroy(deployment: Deployment) -> None:
        environments.change(deployment)
        deployment.destroy()

    with ThreadPoolExecutor(len(deployed)) as pool:
        list(pool.map(change_and_destroy, deployed.values()))
    return deployed
