"""An environment from its creation to its destruction, on the local AWS."""

import contextlib
import io
import json
import re
import shutil
from collections.abc import Iterator

import boto3
import pytest

from scripts.deploy import saved_plan
from scripts.environments import find
from tests.deploy.conftest import ACCOUNT
from tests.support.projects import Project

# moto returns the version instead of the alias of an event source mapping. On AWS a second plan is empty.
MOTO_DRIFT = re.compile(
    r'  ~   module\.stream_consumer\["\w+"\]\.aws_lambda_event_source_mapping\.this \(function_name\)'
    # It does not keep the tags of a new stream.
    r"|  ~   module\.audio_stream\[0\]\.aws_kinesis_stream\.this \(tags_all\)"
)


@pytest.fixture(scope="module")
def dev(project: Project) -> Project:
    """Return the project with its release 1.0.0 applied to dev."""
    project.build("1.0.0")
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # a failure reports the errors alone, not hundreds of lines
        assert project.deploy("plan", "dev") == 0
        assert project.deploy("apply", "dev") == 0
    return project


@pytest.fixture
def lambda_client(dev: Project):
    return boto3.client("lambda")


def planned_changes(output: str) -> list[str]:
    """Return the lines of a plan that name a change, without the drift of moto."""
    lines = [line for line in output.splitlines() if line.startswith("  ")]
    return [line for line in lines if not MOTO_DRIFT.fullmatch(line)]


def error_message(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what a command printed on standard error after its line of progress."""
    progress, _, rest = capsys.readouterr().err.partition("\n")
    assert progress.startswith(("Planning ", "Checking the saved plan "))
    return rest


def live(client, name: str = "health") -> tuple[str, str]:
    """Return the version to which the alias `live` points, and its release."""
    function = f"session-service-dev-{name}"
    alias = client.get_alias(FunctionName=function, Name="live")
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    number = alias["FunctionVersion"]
    return number, client.get_function_configuration(FunctionName=function, Qualifier=number)["Description"]


def test_an_apply_is_verified_at_the_endpoint(dev: Project):
    assert dev.verified[0] == ("dev", "1.0.0")


def test_a_plan_shows_only_the_changed_value(dev: Project, capsys: pytest.CaptureFixture[str]):
    dev.set_variable("dev", "log_retention_days", "14")

    code = dev.deploy("plan", "dev")

    changes = planned_changes(capsys.readouterr().out)
    assert code == 0
    assert changes
    assert all(
        re.fullmatch(r"  ~   .+aws_cloudwatch_log_group\.\w+ \(retention_in_days\)", line) for line in changes
    )


def test_the_plan_of_another_environment_is_rejected(dev: Project, capsys: pytest.CaptureFixture[str]):
    for kind in ("tfplan", "manifest.json"):
        shutil.copyfile(dev.folder / f"build/dev.{kind}", dev.folder / f"build/staging.{kind}")

    code = dev.deploy("apply", "staging")

    assert code == 2
    assert error_message(capsys) == "The saved plan is for dev. Plan staging: make plan ENV=staging\n"


def test_a_stale_plan_is_rejected(dev: Project, capsys: pytest.CaptureFixture[str]):
    copies = {file: file.read_bytes() for file in dev.folder.glob("build/dev.*")}
    assert dev.deploy("apply", "dev") == 0
    capsys.readouterr()
    for file, content in copies.items():
        file.write_bytes(content)
    verifications = len(dev.verified)

    code = dev.deploy("apply", "dev")

    assert code == 2
    assert error_message(capsys) == "dev has changed since the plan was made. Plan again: make plan ENV=dev\n"
    assert len(dev.verified) == verifications


def test_a_plan_names_the_live_release_and_the_next_one(dev: Project, capsys: pytest.CaptureFixture[str]):
    dev.build("1.1.0")

    assert dev.deploy("plan", "dev") == 0

    assert "Live is 1.0.0; applying makes 1.1.0 live." in capsys.readouterr().out


def test_a_failed_verification_names_the_rollback_command(
    dev: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dev, "verification_error", "GET /health answered 503, not 200")

    code = dev.deploy("apply", "dev")

    assert code == 1
    assert error_message(capsys) == (
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


def test_a_second_plan_is_empty_and_keeps_a_rollback(
    dev: Project, lambda_client, capsys: pytest.CaptureFixture[str]
):
    code = dev.deploy("plan", "dev")

    assert code == 0
    assert planned_changes(capsys.readouterr().out) == []
    assert live(lambda_client) == ("1", "1.0.0")


def test_an_unknown_release_is_rejected(dev: Project, lambda_client, capsys: pytest.CaptureFixture[str]):
    code = dev.deploy("rollback", "dev", "--to", "0.9.0")

    assert code == 2
    assert capsys.readouterr().err == "dev has no release '0.9.0'. It has: 1.0.0, 1.1.0.\n"
    assert live(lambda_client) == ("1", "1.0.0")


def test_a_rotated_release_goes_live_and_the_releases_before_it_are_refused(
    dev: Project, lambda_client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    assert dev.deploy("rotate-secrets", "dev") == 0
    dev.build("1.2.0")
    assert dev.deploy("plan", "dev") == 0
    monkeypatch.setattr(dev, "verification_error", "GET /health answered 503, not 200")
    capsys.readouterr()

    applied = dev.deploy("apply", "dev")
    after_apply = capsys.readouterr().err
    refused = [dev.deploy(action, "dev", "--to", "1.0.0") for action in ("rollback", "rollout")]

    refusal = "1.0.0 is older than the last rotation of the secrets of dev, so its versions have keys"
    assert applied == 1
    assert f"1.2.0 is live in dev, but: GET /health answered 503, not 200 {refusal}" in after_apply
    assert "To roll back" not in after_apply
    assert refused == [2, 2]
    assert [line.startswith(refusal) for line in capsys.readouterr().err.splitlines()] == [True, True]
    assert live(lambda_client)[1] == "1.2.0"
    assert live(lambda_client, "list_sessions")[1] == "1.2.0"


def test_a_release_of_the_same_secrets_can_be_made_live_again(dev: Project, lambda_client):
    dev.build("1.3.0")
    assert dev.deploy("plan", "dev") == 0
    assert dev.deploy("apply", "dev") == 0

    assert dev.deploy("rollback", "dev", "--to", "1.2.0") == 0

    assert live(lambda_client, "list_sessions")[1] == "1.2.0"


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lock the state of dev as an apply does, and do not wait for the lock."""
    monkeypatch.setattr(saved_plan, "LOCK_TIMEOUT", "0s")
    bucket, key = f"session-service-state-{ACCOUNT}", "session-service/dev.tfstate.tflock"
    info = {
        "ID": "7a2f", "Operation": "OperationTypeApply", "Info": "", "Who": "ada@desk", "Version": "1.11.4",
        "Created": "2026-11-23T10:00:00Z", "Path": f"{bucket}/session-service/dev.tfstate",
    }  # fmt: skip
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(info))
    yield
    boto3.client("s3").delete_object(Bucket=bucket, Key=key)


def test_a_locked_state_is_rejected(dev: Project, locked: None, capsys: pytest.CaptureFixture[str]):
    code = dev.deploy("plan", "dev")

    assert code == 2
    message = error_message(capsys)
    assert message.startswith("Somebody else is changing dev: ada@desk, since 2026-11-23 10:00:00")
    assert message.endswith("terraform force-unlock 7a2f\n")
    assert message.count("\n") == 1


def test_an_account_that_is_not_allowed_is_rejected(project: Project, capsys: pytest.CaptureFixture[str]):
    project.build("1.0.0")
    project.set_variable("staging", "allowed_account_ids", '["999999999999"]')

    code = project.deploy("plan", "staging")

    assert code == 2
    assert error_message(capsys) == (
        f"These credentials belong to account {ACCOUNT}, which terraform/environments/staging.tfvars "
        "does not allow (allowed_account_ids).\n"
    )


def test_a_missing_state_bucket_is_rejected(project: Project, capsys: pytest.CaptureFixture[str]):
    backend = project.folder / "terraform/environments/prod.s3.tfbackend"
    backend.write_text(backend.read_text().replace(ACCOUNT, "elsewhere"))

    code = project.deploy("plan", "prod")

    assert code == 2
    assert error_message(capsys).startswith("The state bucket that terraform/environments/prod.s3.tfbackend")


def test_a_plan_that_destroys_a_table_is_not_saved(dev: Project, capsys: pytest.CaptureFixture[str]):
    main = dev.folder / "terraform/main.tf"
    declared = main.read_text()
    main.write_text(declared.replace('hash_key = "limitKey"', 'hash_key = "renamed"'))

    code = dev.deploy("plan", "dev")

    main.write_text(declared)
    assert code == 2
    message = error_message(capsys)
    assert 'would destroy the table module.table["rate_limits"].aws_dynamodb_table.this' in message
    assert not (dev.folder / "build/dev.tfplan").exists()
    assert dev.deploy("apply", "dev") == 2


def test_an_interrupted_apply_is_resumed(dev: Project, lambda_client, capsys: pytest.CaptureFixture[str]):
    # Not a function that API Gateway invokes: moto keeps the permissions of a deleted alias.
    lambda_client.delete_alias(FunctionName="session-service-dev-session_changed", Name="live")
    dev.build("1.2.0")

    assert dev.deploy("plan", "dev") == 0, capsys.readouterr().err
    assert dev.deploy("apply", "dev") == 0, capsys.readouterr().err

    assert live(lambda_client)[1] == "1.2.0"
    assert live(lambda_client, "session_changed")[1] == "1.2.0"


def test_destroying_an_environment_deletes_everything(dev: Project):
    environment = find("dev", dev.folder)
    environment.init()

    environment.terraform(
        "apply", "-destroy", "-auto-approve", "-input=false", "-var-file=environments/dev.tfvars"
    )

    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert environment.terraform("state", "list") == ""
