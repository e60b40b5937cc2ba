"""The schedule of a deployed environment."""

from tests.conformance.deployment.environments import Deployment
from tests.conformance.emulator import ACCOUNT, REGION, Emulator
from tests.support.eventually import eventually


def test_it_invokes_the_sweep_which_may_read_what_is_due(
    deployed: dict[str, Deployment], ministack: Emulator
):
    table = deployed["dev"].outputs()["sessions_table"]
    index = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/index/byDueAt"

    def has_read_the_index() -> bool:
        return any(decision["resource"] == index and decision["allowed"] for decision in ministack.decisions)

    eventually(has_read_the_index)
