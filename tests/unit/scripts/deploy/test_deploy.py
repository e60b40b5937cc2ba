"""Deploying: misuse is a sentence and exit code 2, before Terraform or AWS is asked to change anything.

tests/system/deploy tells what is done to an environment.
"""

import hashlib
import json
from pathlib import Path

import pytest

from scripts.deploy.__main__ import main as deploy
from scripts.deploy.plans import Change, changes, summary

RECORDER = """#!/bin/sh
# Stands in for Terraform: says which command came with which data folder, and fails like the real one.
echo "$2 $TF_DATA_DIR" >> "$(dirname "$0")/calls"
[ -f "$(dirname "$0")/said" ] && cat "$(dirname "$0")/said" >&2 && exit 1
[ "$2" = output ] && echo '{}'
exit 0
"""


LOCKED = """Error: Error acquiring the state lock

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


def build(project: Path, code: bytes, version: str = "1.0.0") -> None:
    dist = project / "dist"
    dist.mkdir(exist_ok=True)
    (dist / "health.zip").write_bytes(code)
    health = {"file": "health.zip", "sha256": hashlib.sha256(code).hexdigest(), "bytes": len(code)}
    (dist / "manifest.json").write_text(json.dumps({"version": version, "functions": {"health": health}}))


def calls(project: Path) -> list[str]:
    recorded = project / "bin/calls"
    return [line.split()[0] for line in recorded.read_text().splitlines()] if recorded.exists() else []


def main(arguments: list[str], project: Path) -> int:
    return deploy(arguments, project, project / "build/local")


def test_environments_never_share_terraforms_data_folder(project: Path):
    main(["outputs", "dev"], project)
    main(["outputs", "prod"], project)

    folders = {line.split()[1] for line in (project / "bin/calls").read_text().splitlines()}
    assert folders == {str(project / "build/terraform/dev"), str(project / "build/terraform/prod")}


def test_an_environment_that_is_not_deployed_has_no_outputs(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    code = main(["outputs", "dev"], project)

    assert code == 2
    assert capsys.readouterr().err == "dev is not deployed. Deploy it: make plan ENV=dev\n"


def test_without_a_saved_plan_nothing_is_applied(project: Path, capsys: pytest.CaptureFixture[str]):
    code = main(["apply", "prod"], project)

    assert code == 2
    assert "make plan ENV=prod" in capsys.readouterr().err
    assert calls(project) == []


def test_functions_built_after_the_plan_are_not_applied(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "build").mkdir()
    (project / "build/dev.tfplan").touch()
    (project / "build/dev.manifest.json").write_text("{}")

    code = main(["apply", "dev"], project)

    assert code == 2
    assert "built again since the plan" in capsys.readouterr().err
    assert calls(project) == []


def test_what_is_in_no_commit_goes_to_dev_alone(project: Path, capsys: pytest.CaptureFixture[str]):
    build(project, b"code", version="1.0.0+abc.dirty")

    code = main(["plan", "prod"], project)

    assert code == 2
    assert "holds changes that are in no commit" in capsys.readouterr().err
    assert calls(project) == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("Error: No valid credential sources found", "There are no AWS credentials for dev"),
        ("Error: operation error S3: NoSuchBucket", "The state bucket that terraform/environments/dev"),
        ("│ Error: AWS account ID not\n│ allowed: 111122223333", "are of the account 111122223333"),
        ("Error: Saved plan is stale", "dev has changed since the plan was made"),
        (LOCKED, "Somebody else is changing dev: ada@desk, since 2026-11-23 10:00. Nothing was changed;"),
        (LOCKED, "terraform force-unlock 7a"),
    ],
)
def test_what_operators_meet_is_one_sentence(
    project: Path, capsys: pytest.CaptureFixture[str], said: str, sentence: str
):
    (project / "bin/said").write_text(said)

    code = main(["plan", "dev"], project)

    progress, told = capsys.readouterr().err.splitlines()
    assert code == 2
    assert progress == "Planning dev: about a quarter of a minute"
    assert sentence in told


def test_anything_else_is_told_in_terraforms_own_words(project: Path, capsys: pytest.CaptureFixture[str]):
    (project / "bin/said").write_text("Error: Unsupported argument")

    code = main(["plan", "dev"], project)

    assert code == 1
    assert "Error: Unsupported argument" in capsys.readouterr().err


def resource(address: str, *actions: str, before: object = None, after: object = None) -> dict[str, object]:
    return {"address": address, "change": {"actions": actions, "before": before, "after": after}}


def test_a_summary_counts_and_names_what_changes():
    plan = {
        "resource_changes": [
            resource("b.new", "create", after={"name": "x"}),
            resource("a.changed", "update", before={"days": 7, "name": "x"}, after={"days": 14, "name": "x"}),
            resource("c.replaced", "create", "delete"),
            resource("d.gone", "delete"),
            resource("e.kept", "no-op"),
            resource("data.f.read", "read"),
        ]
    }

    assert summary(changes(plan)).splitlines() == [
        "1 to add, 1 to change, 1 to replace, 1 to destroy:",
        "  ~   a.changed (days)",
        "  +   b.new",
        "  -/+ c.replaced",
        "  -   d.gone",
    ]


def test_a_plan_without_changes_says_so():
    assert summary(changes({"resource_changes": [resource("a.kept", "no-op")]})) == "Nothing to change."


def test_a_change_is_one_readable_line():
    assert str(Change("change", "a.b", ("x", "y"))) == "  ~   a.b (x, y)"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ("production", "There is no environment 'production'. There are: dev, prod, local."),
        ("../dev", "There is no environment '../dev'"),
        ("local", "nothing runs here: start it with make run"),
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
