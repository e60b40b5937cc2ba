"""Releases: their versions are found by description in Lambda, and the alias decides which one is live."""

import io
import zipfile
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import environments
from scripts.deploy.releases import Releases
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


def publish(client, release: str) -> str:
    client.update_function_configuration(FunctionName=HEALTH, Description=release)
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
