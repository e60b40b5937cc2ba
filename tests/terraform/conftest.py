"""One AWS provider process for all suites of a worker: starting it takes a second for each Terraform run.

https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
"""

import re
from collections.abc import Iterator

import pytest

from scripts import processes, terraform


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the locked provider and yield its value of TF_REATTACH_PROVIDERS."""
    data = tmp_path_factory.mktemp("provider")
    terraform.init(env=terraform.environment(TF_DATA_DIR=str(data)), backend=False, capture=True)
    (program,) = (data / "providers" / terraform.PROVIDER).glob("*/*/terraform-provider-aws*")
    with (data / "log").open("wb") as log:
        process = processes.spawn(["nice", "-n", "15", str(program), "-debug"], output=log, pipe=True)
    assert process.stdout is not None
    try:
        with process.stdout:
            matches = (re.search(r"TF_REATTACH_PROVIDERS='(.+)'", line.decode()) for line in process.stdout)
            yield next((match[1] for match in matches if match), "")
    finally:
        processes.stop(process)


@pytest.fixture(autouse=True, scope="module")
def attached(provider: str) -> Iterator[None]:
    """Attach Terraform to this provider. The suites mock it, so it has no state."""
    assert provider, "The AWS provider printed no TF_REATTACH_PROVIDERS"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_REATTACH_PROVIDERS", provider)
        yield
