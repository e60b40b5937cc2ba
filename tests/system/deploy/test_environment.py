"""An environment from nothing to nothing, on an AWS of this machine."""

import json
import re
import shutil
from collections.abc import Iterator

import boto3
import pytest

from scripts.environments import find
from tests.support.projects import Project
from tests.system.deploy.conftest import ACCOUNT

# What moto does not tell again: the alias of an event source mapping. On AWS a second plan is empty.
MOTO_DRIFT = re.compile(
    r'  ~   module\.stream_consumer\["\w+"\]\.aws_lambda_event_source_mapping\.this \(function_name\)'
)


@pytest.fixture(scope="module")
def dev(project: Project) -> Project:
    """Return the project with its release 1.0.0 applied to dev."""
    project.build("1.0.0")
    assert project.deploy("plan", "dev") == 0
    assert project.deploy("apply", "dev") == 0
    return project


@pytest.fixture
def lambda_client(dev: Project):
    return boto3.client("lambda")


def planned(output: str) -> list[str]:
    """Return the lines of a plan that name a change, without what moto is known for."""
    lines = [line for line in output.splitlines() if line.startswith("  ")]
    return [line for line in lines if not MOTO_DRIFT.fullmatch(line)]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command said on standard error after its line of progress."""
    progress, _, rest = capsys.readouterr().err.partition("\n")
    assert progress.startswith(("Planning ", "Checking the saved plan "))
    return rest


def live(client, name: str = "health") -> tuple[str, str]:
    """Return the version that `live` points at, and its release."""
    function = f"session-service-dev-{name}"
    alias = client.get_alias(FunctionName=function, Name="live")
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    number = alias["FunctionVersion"]
    return number, client.get_function_configuration(FunctionName=function, Qualifier=number)["Description"]


def test_what_was_applied_is_proven_at_its_endpoint(dev: Project):
    assert dev.verified[0] == ("dev", "1.0.0")


def test_a_changed_value_is_all_that_a_plan_shows(dev: Project, capsys: pytest.CaptureFixture[str]):
    dev.set_variable("dev", "log_retention_days", "14")

    code = dev.deploy("plan", "dev")

    shown = planned(capsys.readouterr().out)
    assert code == 0
    assert shown
    assert all(
        re.fullmatch(r"  ~   .+aws_cloudwatch_log_group\.\w+ \(retention_in_days\)", line) for line in shown
    )


def test_another_environments_plan_is_not_applied(dev: Project, capsys: pytest.CaptureFixture[str]):
    for kind in ("tfplan", "manifest.json"):
        shutil.copyfile(dev.folder / f"build/dev.{kind}", dev.folder / f"build/staging.{kind}")

    code = dev.deploy("apply", "staging")

    assert code == 2
    assert told(capsys) == ("The saved plan is for dev. Plan staging: make plan ENV=staging\n")


def test_a_plan_is_stale_once_another_was_applied(dev: Project, capsys: pytest.CaptureFixture[str]):
    copies = {file: file.read_bytes() for file in dev.folder.glob("build/dev.*")}
    assert dev.deploy("apply", "dev") == 0
    capsys.readouterr()
    for file, content in copies.items():
        file.write_bytes(content)
    verifications = len(dev.verified)

    code = dev.deploy("apply", "dev")

    assert code == 2
    assert told(capsys) == ("dev has changed since the plan was made. Plan again: make plan ENV=dev\n")
    assert len(dev.verified) == verifications


def test_a_plan_names_what_is_live_and_what_will_be(dev: Project, capsys: pytest.CaptureFixture[str]):
    dev.build("1.1.0")

    assert dev.deploy("plan", "dev") == 0

    assert "Live is 1.0.0; applying makes 1.1.0 live." in capsys.readouterr().out


def test_a_deployment_that_cannot_be_proven_says_the_way_back(
    dev: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dev, "verification_error", "GET /health answered 503, not 200")

    code = dev.deploy("apply", "dev")

    assert code == 1
    assert told(capsys) == (
        "1.1.0 is live in dev, but: GET /health answered 503, not 200 "
        "To roll back: make rollback ENV=dev TO=1.0.0\n"
    )


def test_a_release_goes_live_with_its_apply(dev: Project, lambda_client):
    assert live(lambda_client) == ("2", "1.1.0")
    assert dev.verified[-1] == ("dev", "1.1.0")


def test_a_rollback_needs_no_build(dev: Project, lambda_client):
    code = dev.deploy("rollback", "dev", "--to", "1.0.0")

    assert code == 0
    assert live(lambda_client) == ("1", "1.0.0")
    assert live(lambda_client, "session_changed") == ("1", "1.0.0")


def test_a_second_plan_changes_nothing_and_leaves_a_rollback_alone(
    dev: Project, lambda_client, capsys: pytest.CaptureFixture[str]
):
    code = dev.deploy("plan", "dev")

    assert code == 0
    assert planned(capsys.readouterr().out) == []
    assert live(lambda_client) == ("1", "1.0.0")


def test_a_release_that_is_not_there_is_refused(
    dev: Project, lambda_client, capsys: pytest.CaptureFixture[str]
):
    code = dev.deploy("rollback", "dev", "--to", "0.9.0")

    assert code == 2
    assert capsys.readouterr().err == "dev has no release '0.9.0'. It has: 1.0.0, 1.1.0.\n"
    assert live(lambda_client) == ("1", "1.0.0")


@pytest.fixture
def locked() -> Iterator[None]:
    """Hold dev's state as somebody's apply does."""
    bucket, key = f"session-service-state-{ACCOUNT}", "session-service/dev.tfstate.tflock"
    info = {
        "ID": "7a2f", "Operation": "OperationTypeApply", "Info": "", "Who": "ada@desk", "Version": "1.11.4",
        "Created": "2026-11-23T10:00:00Z", "Path": f"{bucket}/session-service/dev.tfstate",
    }  # fmt: skip
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(info))
    yield
    boto3.client("s3").delete_object(Bucket=bucket, Key=key)


def test_two_at_once_is_one_too_many(dev: Project, locked: None, capsys: pytest.CaptureFixture[str]):
    code = dev.deploy("plan", "dev")

    assert code == 2
    said = told(capsys)
    assert said.startswith("Somebody else is changing dev: ada@desk, since 2026-11-23 10:00:00")
    assert said.endswith("terraform force-unlock 7a2f\n")
    assert said.count("\n") == 1


def test_another_account_is_refused(project: Project, capsys: pytest.CaptureFixture[str]):
    project.build("1.0.0")
    project.set_variable("staging", "allowed_account_ids", '["999999999999"]')

    code = project.deploy("plan", "staging")

    assert code == 2
    assert told(capsys) == (
        f"These credentials belong to account {ACCOUNT}, which terraform/environments/staging.tfvars "
        "does not allow (allowed_account_ids).\n"
    )


def test_a_state_bucket_that_is_not_there_is_refused(project: Project, capsys: pytest.CaptureFixture[str]):
    backend = project.folder / "terraform/environments/prod.s3.tfbackend"
    backend.write_text(backend.read_text().replace(ACCOUNT, "elsewhere"))

    code = project.deploy("plan", "prod")

    assert code == 2
    assert told(capsys).startswith("The state bucket that terraform/environments/prod.s3.tfbackend")


def test_a_plan_that_would_lose_a_table_is_not_saved(dev: Project, capsys: pytest.CaptureFixture[str]):
    main = dev.folder / "terraform/main.tf"
    declared = main.read_text()
    main.write_text(declared.replace('hash_key = "limitKey"', 'hash_key = "renamed"'))

    code = dev.deploy("plan", "dev")

    main.write_text(declared)
    assert code == 2
    said = told(capsys)
    assert 'would destroy the table module.table["rate_limits"].aws_dynamodb_table.this' in said
    assert not (dev.folder / "build/dev.tfplan").exists()
    assert dev.deploy("apply", "dev") == 2


def test_nothing_is_left_of_an_environment_that_is_destroyed(dev: Project):
    environment = find("dev", dev.folder)
    environment.init()

    environment.terraform(
        "apply", "-destroy", "-auto-approve", "-input=false", "-var-file=environments/dev.tfvars"
    )

    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert environment.terraform("state", "list") == ""
