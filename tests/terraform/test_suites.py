"""Terraform's own suites, and what they cannot see: the files beside them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts import terraform

BOOTSTRAP = terraform.TERRAFORM_ROOT / "bootstrap"
ENVIRONMENTS = sorted(path.stem for path in terraform.TERRAFORM_ROOT.glob("environments/*.tfvars"))


def initialised(root: Path, data_folder: Path) -> Mapping[str, str]:
    """Initialise `root` with a data folder of its own and return the environment that uses it."""
    variables = terraform.environment(TF_DATA_DIR=str(data_folder))
    terraform.init(root=root, env=variables, backend=False, capture=True)
    return variables


def passed_runs(output: str) -> int:
    summary = re.search(r"(\d+) passed, 0 failed", output)
    return int(summary[1]) if summary else 0


@pytest.mark.parametrize("root", [terraform.TERRAFORM_ROOT, BOOTSTRAP], ids=lambda root: root.name)
def test_the_suites_of_a_root_pass(root: Path, tmp_path: Path):
    variables = initialised(root, tmp_path)

    done = terraform.run("test", "-no-color", root=root, env=variables, capture=True)

    assert passed_runs(done.stdout) > 0, done.stdout


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environments_values_are_accepted(environment: str, tmp_path: Path):
    variables = initialised(terraform.TERRAFORM_ROOT, tmp_path)

    done = terraform.run(
        "test",
        "-no-color",
        "-test-directory=tests/environments",
        f"-var-file=environments/{environment}.tfvars",
        env=variables,
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
