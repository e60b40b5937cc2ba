"""The deploy command refuses what it cannot do with a message and exit code 2, before it changes anything.

tests/deploy covers what the actions change in an environment.
"""

import hashlib
import json
from pathlib import Path

import pytest

from scripts import environments
from scripts.deploy.__main__ import main as deploy
from scripts.deploy.saved_plan import SavedPlan

# Stands in for Terraform: records each command with its data folder and its arguments, and fails with the
# text of `error`.
TERRAFORM = """#!/bin/sh
folder=$(dirname "$0")
echo "$2 $TF_DATA_DIR" >> "$folder/calls"
echo "$*" >> "$folder/arguments"
[ -f "$folder/error" ] && cat "$folder/error" >&2 && exit 1
[ "$2" = output ] || [ "$2" = show ] && echo '{}'
exit 0
"""

STATE_IS_LOCKED = """Error: Error acquiring the state lock

Lock Info:
  ID:        7a
  Path:      states/dev
  Operation: OperationTypeApply
  Who:       ada@desk
  Version:   1.11.4
  Created:   2026-11-23 10:00
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project with built functions and put the stand-in for Terraform on PATH."""
    environments = tmp_path / "terraform/environments"
    environments.mkdir(parents=True)
    for name in ("dev", "prod", "local"):
        (environments / f"{name}.tfvars").touch()
        (environments / f"{name}.s3.tfbackend").write_text('bucket = "states-of-123"\n')
    build(tmp_path, b"code")
    program = tmp_path / "bin/terraform"
    program.parent.mkdir()
    program.write_text(TERRAFORM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def build(project: Path, code: bytes, version: str = "1.0.0") -> None:
    dist = project / "dist"
    dist.mkdir(exist_ok=True)
    (dist / "health.zip").write_bytes(code)
    health = {"file": "health.zip", "sha256": hashlib.sha256(code).hexdigest(), "bytes": len(code)}
    (dist / "manifest.json").write_text(json.dumps({"version": version, "functions": {"health": health}}))


def terraform_calls(project: Path) -> list[tuple[str, str]]:
    """Return the command and the data folder of each call."""
    file = project / "bin/calls"
    if not file.exists():
        return []
    return [(command, folder) for command, folder in map(str.split, file.read_text().splitlines())]


def main(arguments: list[str], project: Path) -> int:
    return deploy(arguments, project, project / "build/local")


def arguments_of(project: Path, command: str) -> list[str]:
    """Return the arguments of the only call of a command."""
    calls = map(str.split, (project / "bin/arguments").read_text().splitlines())
    (arguments,) = [arguments for arguments in calls if command in arguments]
    return arguments


def test_a_plan_and_an_apply_wait_for_the_lock_of_the_state(project: Path):
    saved_plan = SavedPlan(environments.find("dev", project))

    saved_plan.save()
    saved_plan.apply()

    assert "-lock-timeout=2m" in arguments_of(project, "plan")
    assert "-lock-timeout=2m" in arguments_of(project, "apply")


def test_a_plan_without_a_lock_neither_takes_nor_waits_for_it(project: Path):
    SavedPlan(environments.find("dev", project)).save(lock=False)

    locking = [argument for argument in arguments_of(project, "plan") if argument.startswith("-lock")]
    assert locking == ["-lock=false"]


def test_each_environment_has_a_terraform_data_folder_of_its_own(project: Path):
    main(["outputs", "dev"], project)
    main(["outputs", "prod"], project)

    folders = {folder for _, folder in terraform_calls(project)}
    assert folders == {str(project / "build/terraform/dev"), str(project / "build/terraform/prod")}


def test_the_outputs_of_an_environment_that_is_not_deployed_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    code = main(["outputs", "dev"], project)

    assert code == 2
    assert capsys.readouterr().err == "dev is not deployed. Deploy it: make plan ENV=dev\n"


def test_apply_without_a_saved_plan_is_refused(project: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["apply", "prod"], project)

    assert code == 2
    assert "make plan ENV=prod" in capsys.readouterr().err
    assert terraform_calls(project) == []


def test_applying_functions_that_were_built_after_the_plan_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    (project / "build").mkdir()
    (project / "build/dev.tfplan").touch()
    (project / "build/dev.manifest.json").write_text("{}")

    code = main(["apply", "dev"], project)

    assert code == 2
    assert "built again since the plan" in capsys.readouterr().err
    assert terraform_calls(project) == []


def test_uncommitted_changes_are_refused_in_prod(project: Path, capsys: pytest.CaptureFixture[str]):
    build(project, b"code", version="1.0.0+abc.dirty")

    code = main(["plan", "prod"], project)

    assert code == 2
    assert "1.0.0+abc.dirty has uncommitted changes" in capsys.readouterr().err
    assert terraform_calls(project) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("Error: No valid credential sources found", "There are no AWS credentials for dev"),
        ("Error: operation error S3: NoSuchBucket", "The state bucket that terraform/environments/dev"),
        ("│ Error: AWS account ID not\n│ allowed: 111122223333", "belong to account 111122223333"),
        ("Error: Saved plan is stale", "dev has changed since the plan was made"),
        (STATE_IS_LOCKED, "Somebody else is changing dev: ada@desk, since 2026-11-23 10:00. Nothing was"),
        (STATE_IS_LOCKED, "terraform force-unlock 7a"),
    ],
)
def test_a_common_terraform_error_is_translated_to_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], error: str, message: str
):
    (project / "bin/error").write_text(error)

    code = main(["plan", "dev"], project)

    progress, translated = capsys.readouterr().err.splitlines()
    assert code == 2
    assert progress == "Planning dev (about 15 seconds)"
    assert message in translated


def test_any_other_terraform_error_is_printed_as_it_is(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "bin/error").write_text("Error: Unsupported argument")

    code = main(["plan", "dev"], project)

    assert code == 1
    assert "Error: Unsupported argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("production", "There is no environment 'production'. There are: dev, prod, local."),
        ("../dev", "There is no environment '../dev'"),
        ("local", "The local system is not running. Start it: make run"),
    ],
)
def test_an_environment_that_cannot_be_deployed_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], environment: str, message: str
):
    code = main(["plan", environment], project)

    assert code == 2
    assert message in capsys.readouterr().err
    assert terraform_calls(project) == []


@pytest.mark.parametrize(
    "values", ['bucket = "<state bucket>"\n', 'key = "dev.tfstate"\n', '# bucket = "mine"\n']
)
def test_a_backend_without_a_bucket_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], values: str
):
    (project / "terraform/environments/dev.s3.tfbackend").write_text(values)

    code = main(["plan", "dev"], project)

    assert code == 2
    assert "names no state bucket" in capsys.readouterr().err
    assert terraform_calls(project) == []


def test_functions_that_are_not_built_are_refused(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "dist/manifest.json").unlink()

    code = main(["plan", "dev"], project)

    assert code == 2
    assert "make package" in capsys.readouterr().err


def test_a_zip_that_differs_from_the_manifest_is_refused(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "dist/health.zip").write_bytes(b"tampered with")

    code = main(["plan", "dev"], project)

    assert code == 2
    assert "dist/health.zip is not the zip of health in dist/manifest.json" in capsys.readouterr().err


def test_a_missing_terraform_is_a_failure(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(project))

    code = main(["plan", "dev"], project)

    assert code == 1
    assert "Terraform is not on PATH" in capsys.readouterr().err


def test_an_unknown_action_is_refused(project: Path):
    with pytest.raises(SystemExit) as exit_:
        main(["destroy", "dev"], project)

    assert exit_.value.code == 2
