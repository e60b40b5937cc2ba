"""Terraform's own suites, and what they cannot see: the files beside them."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from scripts import terraform
from scripts.dashboard_picture import SUITE

pytestmark = pytest.mark.usefixtures("patient_terraform")
BOOTSTRAP = terraform.TERRAFORM_ROOT / "bootstrap"
ENVIRONMENTS = sorted(path.stem for path in terraform.TERRAFORM_ROOT.glob("environments/*.tfvars"))


# Each start of Terraform takes as long as several runs of a suite, and each worker takes some of these.
PARTS = {
    "modules": (terraform.TERRAFORM_ROOT, "tests/*_module.tftest.hcl"),
    "settings": (terraform.TERRAFORM_ROOT, "tests/settings.tftest.hcl"),
    "the rest": (terraform.TERRAFORM_ROOT, "tests/*.tftest.hcl"),
    "bootstrap": (BOOTSTRAP, "tests/*.tftest.hcl"),
}


def suites(part: str) -> list[str]:
    """Return the suites of a part that are in no part before it, as paths from its root."""
    taken = {terraform.TERRAFORM_ROOT / SUITE}  # test_observability runs this one and reads its plan
    for name, (root, pattern) in PARTS.items():
        found = set(root.glob(pattern)) - taken
        if name == part:
            return sorted(str(path.relative_to(root)) for path in found)
        taken |= found
    raise KeyError(part)


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Mapping[str, str]]:
    """Return a way to initialise a root, once, with a data folder of its own: the environment to use it."""

    @cache
    def initialised(root: Path) -> Mapping[str, str]:
        variables = terraform.environment(TF_DATA_DIR=str(tmp_path_factory.mktemp(root.name)))
        terraform.init(root=root, env=variables, backend=False, capture=True)
        return variables

    return initialised


def passed_runs(output: str) -> int:
    summary = re.search(r"(\d+) passed, 0 failed", output)
    return int(summary[1]) if summary else 0


@pytest.mark.parametrize("part", PARTS)
def test_the_suites_of_a_root_pass(part: str, initialised: Callable[[Path], Mapping[str, str]]):
    root, _ = PARTS[part]
    chosen = suites(part)

    done = terraform.run(
        "test",
        "-no-color",
        *(f"-filter={suite}" for suite in chosen),
        root=root,
        env=initialised(root),
        capture=True,
    )

    assert passed_runs(done.stdout) >= len(chosen) > 0, done.stdout


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_values_are_accepted(
    environment: str, initialised: Callable[[Path], Mapping[str, str]]
):
    done = terraform.run(
        "test",
        "-no-color",
        "-test-directory=tests/environments",
        f"-var-file=environments/{environment}.tfvars",
        env=initialised(terraform.TERRAFORM_ROOT),
        capture=True,
    )

    assert passed_runs(done.stdout) > 0, done.stdout


def test_every_environment_has_a_state_of_its_own():
    backends = {
        path.name.split(".")[0]: path for path in terraform.TERRAFORM_ROOT.glob("environments/*.s3.tfbackend")
    }

    keys = {
        name: re.findall(r'^key\s*=\s*"(.+)"$', path.read_text(), re.MULTILINE)
        for name, path in backends.items()
    }

    assert keys == {name: [f"session-service/{name}.tfstate"] for name in ENVIRONMENTS}


def test_both_roots_lock_the_provider_for_every_platform():
    locks = [(root / ".terraform.lock.hcl").read_text() for root in (terraform.TERRAFORM_ROOT, BOOTSTRAP)]

    assert locks[0] == locks[1]
    assert len(re.findall(r'"zh:[0-9a-f]{64}"', locks[0])) == 15
