"""The suites of `terraform test`, and checks of the files that they cannot read."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from scripts import terraform
from tests.support.terraform_plan import SUITE

pytestmark = pytest.mark.usefixtures("patient_terraform")
BOOTSTRAP = terraform.TERRAFORM_ROOT / "bootstrap"
ENVIRONMENTS = sorted(path.stem for path in terraform.TERRAFORM_ROOT.glob("environments/*.tfvars"))


# A part is one run of Terraform: starting it takes as long as several suites. Workers share the parts.
PARTS = {
    "modules": (terraform.TERRAFORM_ROOT, "tests/*_module.tftest.hcl"),
    "settings": (terraform.TERRAFORM_ROOT, "tests/settings.tftest.hcl"),
    "the rest": (terraform.TERRAFORM_ROOT, "tests/*.tftest.hcl"),
    "bootstrap": (BOOTSTRAP, "tests/*.tftest.hcl"),
}


def suites(part: str) -> list[str]:
    """Return the suites of a part that are in no earlier part, as paths relative to its root."""
    earlier = {terraform.TERRAFORM_ROOT / SUITE}  # test_observability.py runs this one
    for name, (root, pattern) in PARTS.items():
        paths = set(root.glob(pattern)) - earlier
        if name == part:
            return sorted(str(path.relative_to(root)) for path in paths)
        earlier |= paths
    raise KeyError(part)


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Mapping[str, str]]:
    """Return a function that initialises a root once and returns the environment in which to run it."""

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
    names = suites(part)

    result = terraform.run(
        "test",
        "-no-color",
        *(f"-filter={name}" for name in names),
        root=root,
        env=initialised(root),
        capture=True,
    )

    assert passed_runs(result.stdout) >= len(names) > 0, result.stdout


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_values_of_an_environment_are_valid(
    environment: str, initialised: Callable[[Path], Mapping[str, str]]
):
    result = terraform.run(
        "test",
        "-no-color",
        "-test-directory=tests/environments",
        f"-var-file=environments/{environment}.tfvars",
        env=initialised(terraform.TERRAFORM_ROOT),
        capture=True,
    )

    assert passed_runs(result.stdout) > 0, result.stdout


def test_every_environment_has_its_own_state():
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
