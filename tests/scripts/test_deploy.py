"""Deploying: only what was planned and built is applied, and misuse is a sentence and exit code 2."""

import hashlib
import json
from pathlib import Path

import pytest

from scripts.deploy import main

RECORDER = """#!/bin/sh
# Stands in for Terraform: says which command came with which data folder, and saves a plan when asked.
echo "$2 $TF_DATA_DIR" >> "$(dirname "$0")/calls"
for argument; do case "$argument" in -out=*) echo planned > "${argument#-out=}";; esac; done
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    environments = tmp_path / "terraform/environments"
    environments.mkdir(parents=True)
    for name in ("dev", "prod", "local"):
        (environments / f"{name}.tfvars").touch()
        (environments / f"{name}.s3.tfbackend").write_text('bucket = "states-of-123"\n')
    build(tmp_path, b"code")
    program = tmp_path / "bin/terraform"
    program.parent.mkdir()
    program.write_text(RECORDER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def build(project: Path, code: bytes) -> None:
    dist = project / "dist"
    dist.mkdir(exist_ok=True)
    (dist / "health.zip").write_bytes(code)
    health = {"file": "health.zip", "sha256": hashlib.sha256(code).hexdigest(), "bytes": len(code)}
    (dist / "manifest.json").write_text(json.dumps({"functions": {"health": health}}))


def calls(project: Path) -> list[str]:
    recorded = project / "bin/calls"
    return [line.split()[0] for line in recorded.read_text().splitlines()] if recorded.exists() else []


def test_a_plan_is_saved_and_then_applied(project: Path):
    planned = main(["plan", "dev"], project)
    applied = main(["apply", "dev"], project)

    assert (planned, applied) == (0, 0)
    assert calls(project) == ["init", "plan", "init", "apply"]


def test_a_plan_is_applied_once(project: Path, capsys: pytest.CaptureFixture[str]):
    main(["plan", "dev"], project)
    main(["apply", "dev"], project)

    code = main(["apply", "dev"], project)

    assert code == 2
    assert "make plan ENV=dev" in capsys.readouterr().err


def test_another_environments_plan_is_not_applied(project: Path, capsys: pytest.CaptureFixture[str]):
    main(["plan", "dev"], project)

    code = main(["apply", "prod"], project)

    assert code == 2
    assert "There is no saved plan" in capsys.readouterr().err
    assert "apply" not in calls(project)


def test_functions_built_after_the_plan_are_not_applied(project: Path, capsys: pytest.CaptureFixture[str]):
    main(["plan", "dev"], project)
    build(project, b"other code")

    code = main(["apply", "dev"], project)

    assert code == 2
    assert "built again since the plan" in capsys.readouterr().err
    assert "apply" not in calls(project)


def test_a_failed_apply_keeps_its_plan_and_ends_with_1(project: Path, capsys: pytest.CaptureFixture[str]):
    main(["plan", "dev"], project)
    (project / "bin/terraform").write_text('#!/bin/sh\n[ "$2" != apply ]\n')

    code = main(["apply", "dev"], project)

    assert code == 1
    assert "terraform apply" in capsys.readouterr().err
    assert (project / "build/dev.tfplan").exists()


def test_environments_never_share_terraforms_data_folder(project: Path):
    main(["outputs", "dev"], project)
    main(["outputs", "prod"], project)

    folders = {line.split()[1] for line in (project / "bin/calls").read_text().splitlines()}
    assert folders == {str(project / "build/terraform/dev"), str(project / "build/terraform/prod")}


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ("production", "There is no environment 'production'. There are: dev, prod."),
        ("../dev", "There is no environment '../dev'"),
        ("local", "make run"),
    ],
)
def test_an_environment_that_cannot_be_deployed_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str], environment: str, sentence: str
):
    code = main(["plan", environment], project)

    assert code == 2
    assert sentence in capsys.readouterr().err
    assert calls(project) == []


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
    assert calls(project) == []


def test_unbuilt_functions_are_refused(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "dist/manifest.json").unlink()

    code = main(["plan", "dev"], project)

    assert code == 2
    assert "make package" in capsys.readouterr().err


def test_a_zip_that_its_manifest_does_not_know_is_refused(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "dist/health.zip").write_bytes(b"tampered with")

    code = main(["plan", "dev"], project)

    assert code == 2
    assert "dist/health.zip is not the health that dist/manifest.json tells of" in capsys.readouterr().err


def test_a_missing_terraform_ends_with_1(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(project))

    code = main(["plan", "dev"], project)

    assert code == 1
    assert "Terraform is not on PATH" in capsys.readouterr().err


def test_an_unknown_action_is_misuse(project: Path):
    with pytest.raises(SystemExit) as ended:
        main(["destroy", "dev"], project)

    assert ended.value.code == 2
