"""One AWS provider for all suites of a worker: Terraform would start it anew, for a second, at each run.

https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
"""

import re
from collections.abc import Iterator

import pytest

from scripts import terraform
from scripts.local import processes


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the provider that is locked, and yield what TF_REATTACH_PROVIDERS says of it."""
    data = tmp_path_factory.mktemp("provider")
    terraform.init(env=terraform.environment(TF_DATA_DIR=str(data)), backend=False, capture=True)
    (program,) = (data / "providers" / terraform.PROVIDER).glob("*/*/terraform-provider-aws*")
    with (data / "log").open("wb") as log:
        process = processes.spawn(["nice", "-n", "15", str(program), "-debug"], output=log, pipe=True)
    assert process.stdout is not None
    try:
        with process.stdout:
            told = (re.search(r"TF_REATTACH_PROVIDERS='(.+)'", line.decode()) for line in process.stdout)
            yield next((found[1] for found in told if found), "")
    finally:
        processes.stop(process)


@pytest.fixture(autouse=True, scope="module")
def attached(provider: str) -> Iterator[None]:
    """Have Terraform use it. The suites mock it, so it keeps nothing from one to the next."""
    assert provider, "The AWS provider did not say how to attach to it"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_REATTACH_PROVIDERS", provider)
        yield
