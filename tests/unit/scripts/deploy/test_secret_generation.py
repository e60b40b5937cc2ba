"""The rotation of secrets: what the command changes in tfvars, what it prints, and what it refuses."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.deploy.__main__ import main as deploy
from scripts.deploy.releases import SECRET_SETTINGS
from scripts.deploy.secret_generation import AFTER_A_LEAK, raise_generation
from scripts.errors import PreconditionFailed
from scripts.project import ROOT

PROD = ROOT / "terraform/environments/prod.tfvars"


@pytest.fixture
def tfvars(tmp_path: Path) -> Path:
    """Return prod.tfvars of a project of its own."""
    file = tmp_path / "terraform/environments/prod.tfvars"
    file.parent.mkdir(parents=True)
    file.write_text(PROD.read_text())
    return file


def rotate(tfvars: Path, *options: str) -> int:
    project = tfvars.parents[2]
    return deploy(["rotate-secrets", "prod", *options], project, project / "build/local")


def test_a_rotation_raises_the_generation_and_changes_nothing_else(tfvars: Path):
    before = tfvars.read_text().splitlines()

    assert rotate(tfvars) == 0

    changed = [
        (old, new) for old, new in zip(before, tfvars.read_text().splitlines(), strict=True) if old != new
    ]
    assert [re.findall(r"^(\w+) += (\d+)", line) for pair in changed for line in pair] == [
        [("secret_generation", "1")],
        [("secret_generation", "2")],
    ]


def test_the_command_says_what_to_do_next(tfvars: Path, capsys: pytest.CaptureFixture[str]):
    rotate(tfvars)

    printed = capsys.readouterr().out
    assert "secret_generation is 2 in terraform/environments/prod.tfvars (it was 1)." in printed
    assert "each accepts the cursors of the other" in printed
    assert "make plan ENV=prod" in printed


def test_after_a_leak_no_key_is_common_and_cursors_are_rejected(
    tfvars: Path, capsys: pytest.CaptureFixture[str]
):
    assert rotate(tfvars, "--by", str(AFTER_A_LEAK)) == 0

    assert re.search(r"^secret_generation += 4\b", tfvars.read_text(), re.MULTILINE)
    assert "each rejects the cursors of the other" in capsys.readouterr().out


@pytest.mark.parametrize(("variables", "options"), [([], ""), (["BY=3"], ' --by "3"')])
def test_make_passes_the_environment_and_the_step(variables: list[str], options: str):
    dry_run = ["make", "--dry-run", "rotate-secrets", "ENV=prod", *variables]

    commands = subprocess.run(dry_run, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert f'rotate-secrets "prod"{options}' in [
        line.split("scripts.deploy ")[-1].strip() for line in commands.splitlines()
    ]


@pytest.mark.parametrize("by", ["0", "2", "-1", "many"])
def test_any_other_step_is_rejected(tfvars: Path, by: str):
    with pytest.raises(SystemExit) as exit_:
        rotate(tfvars, f"--by={by}")

    assert exit_.value.code == 2
    assert tfvars.read_text() == PROD.read_text()


@pytest.mark.parametrize("content", ["", "secret_generation = 1\nsecret_generation = 2\n"])
def test_a_file_without_exactly_one_generation_is_refused(tmp_path: Path, content: str):
    file = tmp_path / "prod.tfvars"
    file.write_text(content)

    with pytest.raises(PreconditionFailed, match="must set secret_generation exactly once"):
        raise_generation(file, 1)
    assert file.read_text() == content


@pytest.mark.parametrize(
    "file", sorted((ROOT / "terraform/environments").glob("*.tfvars")), ids=lambda f: f.stem
)
def test_every_environment_has_a_generation(file: Path):
    assert len(re.findall(r"^secret_generation\s*=\s*\d+", file.read_text(), re.MULTILINE)) == 1


def test_the_rollback_compares_every_secret_of_terraform():
    declared = (ROOT / "terraform/functions.tf").read_text()

    settings = set(re.findall(r"(\w+) += local\.secrets\.", declared))

    # A neighbour of the current key changes together with it.
    assert {name for name in settings if not name.endswith(("_PREVIOUS", "_NEXT"))} == set(SECRET_SETTINGS)
