"""Run a command of scripts.deploy in a copy of the project.

`python -m tests.conformance.deployment.command FOLDER plan dev`
"""

import sys
from pathlib import Path

from scripts.deploy import __main__ as deploy
from scripts.deploy import api_client
from scripts.deploy.api_client import ApiClient
from tests.conformance import exceptions
from tests.conformance.resolver import sitecustomize  # noqa: F401  # the smoke test uses the names of the APIs


class _Client(ApiClient):
    async def expect_refusal(self, status: int, **query: str) -> None:
        await super().expect_refusal(exceptions.HANDSHAKE_STATUSES[status], **query)


if __name__ == "__main__":
    api_client.ApiClient = _Client  # type: ignore[misc]
    sys.exit(deploy.main(sys.argv[2:], Path(sys.argv[1])))
