"""Releases: their versions are found by description in Lambda, and the alias decides which one is live."""

import io
import re
import zipfile
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import environments
from scripts.deploy.releases import SECRET_SETTINGS, Releases
from scripts.errors import PreconditionFailed, StepFailed
from scripts.project import ROOT

AWS = boto3.Session(region_name="us-east-1")  # shared, because creating a session is slow
HEALTH = "session-service-dev-health"


class Environment(environments.Environment):
    def __init__(self) -> None:
        super().__init__("dev", ROOT)

    def client(self, service: str) -> Any:
        return AWS.client(service)


@pytest.fixture
def client():
    with mock_aws():
        iam = AWS.client("iam")
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        client = AWS.client("lambda")
        for name in (HEALTH, "session-service-staging-health"):
            create_function(client, name, role)
            client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        yield client


def create_function(client, name: str, role: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    client.create_function(
        FunctionName=name, Runtime="python3.11", Role=role, Handler="handler.handler",
        Code={"ZipFile": code.getvalue()}, Description="1.0.0", Publish=True,
    )  # fmt: skip


def publish(client, release: str, **settings: str) -> str:
    client.update_function_configuration(
        FunctionName=HEALTH, Description=release, Environment={"Variables": settings}
    )
    return client.publish_version(FunctionName=HEALTH)["Version"]


def test_the_alias_decides_which_release_is_live(client):
    publish(client, "1.1.0")

    assert Releases(Environment()).live_release() == "1.0.0"


def test_functions_of_other_environments_are_left_out(client):
    assert Releases(Environment()).live_versions() == {HEALTH: "1"}


def test_a_function_without_its_alias_is_left_out(client):
    role = client.get_function_configuration(FunctionName=HEALTH)["Role"]
    create_function(client, "session-service-dev-get_session", role)

    releases = Releases(Environment())

    assert releases.live_versions() == {HEALTH: "1"}
    assert releases.versions("1.0.0") == {HEALTH: "1"}


def test_nothing_is_live_while_no_function_has_its_alias(client):
    client.delete_alias(FunctionName=HEALTH, Name="live")

    assert Releases(Environment()).live_release() is None


def test_of_a_release_that_was_published_twice_the_last_version_counts(client):
    publish(client, "1.1.0")
    publish(client, "1.2.0")
    last = publish(client, "1.1.0")

    assert Releases(Environment()).versions("1.1.0") == {HEALTH: last}


def test_an_unknown_release_is_refused_with_the_known_ones(client):
    with pytest.raises(PreconditionFailed, match=r"no release '0\.9\.0'. It has: 1\.0\.0\."):
        Releases(Environment()).versions("0.9.0")


def test_making_versions_live_removes_weights(client):
    releases = Releases(Environment())
    new = publish(client, "1.1.0")
    releases.shift({HEALTH: "1"}, {HEALTH: new}, 10)

    releases.make_live({HEALTH: new})

    alias = client.get_alias(FunctionName=HEALTH, Name="live")
    assert alias["FunctionVersion"] == new
    assert alias["RoutingConfig"]["AdditionalVersionWeights"] == {}


def test_a_shift_routes_a_share_to_the_new_version(client):
    new = publish(client, "1.1.0")

    Releases(Environment()).shift({HEALTH: "1"}, {HEALTH: new}, 10)

    alias = client.get_alias(FunctionName=HEALTH, Name="live")
    assert alias["FunctionVersion"] == "1"
    assert alias["RoutingConfig"]["AdditionalVersionWeights"] == {new: 0.1}


def test_a_shift_fails_when_the_alias_was_moved_by_somebody_else(client):
    new = publish(client, "1.1.0")
    client.update_alias(FunctionName=HEALTH, Name="live", FunctionVersion=new)

    with pytest.raises(StepFailed, match="Somebody else has moved"):
        Releases(Environment()).shift({HEALTH: "1"}, {HEALTH: new}, 10)


def test_versions_with_former_secrets_precede_the_rotation(client):
    former = publish(client, "1.1.0", ADDRESS_KEY="a1", CURSOR_KEY="c1")
    rotated = publish(client, "1.2.0", ADDRESS_KEY="a2", CURSOR_KEY="c2")
    releases = Releases(Environment())
    releases.make_live({HEALTH: rotated})

    assert releases.precede_rotation({HEALTH: former})


@pytest.mark.parametrize("setting", SECRET_SETTINGS)
def test_one_changed_secret_is_a_rotation(client, setting: str):
    secrets = dict.fromkeys(SECRET_SETTINGS, "same")
    former = publish(client, "1.1.0", **secrets | {setting: "former"})
    releases = Releases(Environment())
    releases.make_live({HEALTH: publish(client, "1.2.0", **secrets)})

    assert releases.precede_rotation({HEALTH: former})


@pytest.mark.parametrize(
    ("former", "current"),
    [
        ({"CURSOR_KEY": "c1", "LIMIT": "1"}, {"CURSOR_KEY": "c1", "LIMIT": "2"}),
        ({"LIMIT": "1"}, {"CURSOR_KEY": "c1", "LIMIT": "1"}),
        ({"CURSOR_KEY": "c1"}, {"LIMIT": "1"}),
    ],
    ids=["another setting changed", "the secret was introduced", "the secret was removed"],
)
def test_versions_with_the_same_secrets_precede_no_rotation(
    client, former: dict[str, str], current: dict[str, str]
):
    version = publish(client, "1.1.0", **former)
    releases = Releases(Environment())
    releases.make_live({HEALTH: publish(client, "1.2.0", **current)})

    assert not releases.precede_rotation({HEALTH: version})


def test_a_rotated_release_is_not_refused_and_neither_is_the_live_one_while_it_rolls_out(client):
    former = publish(client, "1.1.0", CURSOR_KEY="c1")
    rotated = publish(client, "1.2.0", CURSOR_KEY="c2")
    releases = Releases(Environment())
    releases.make_live({HEALTH: former})
    releases.shift({HEALTH: former}, {HEALTH: rotated}, 50)

    assert not releases.precede_rotation({HEALTH: rotated})
    assert not releases.precede_rotation({HEALTH: former})


def test_a_version_of_a_function_that_is_not_live_precedes_no_rotation(client):
    assert not Releases(Environment()).precede_rotation({"session-service-dev-gone": "1"})


def test_deployers_may_call_all_that_moves_releases(client):
    used: set[str] = set()
    client.meta.events.register("before-call.lambda", lambda model, **_: used.add(f"lambda:{model.name}"))
    environment = Environment()
    environment.client = lambda _: client
    releases = Releases(environment)
    former = publish(client, "1.1.0", CURSOR_KEY="c1")
    used.clear()

    releases.shift({HEALTH: "1"}, {HEALTH: former}, 10)
    releases.make_live(releases.versions("1.1.0"))
    releases.precede_rotation({HEALTH: "1"})
    releases.live_release()

    allowed = set(re.findall(r"lambda:\w+", (ROOT / "terraform/bootstrap/deployers.tf").read_text()))
    assert "lambda:GetFunctionConfiguration" in used
    assert used <= allowed
