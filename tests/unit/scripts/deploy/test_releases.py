"""Releases: found by their name in what Lambda holds, and live by where the alias points."""

import io
import zipfile
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import environments
from scripts.deploy.releases import Releases
from scripts.errors import Failed, Refused

AWS = boto3.Session(region_name="us-east-1")  # it takes long to make
HEALTH = "session-service-dev-health"


class Environment(environments.Environment):
    def __init__(self) -> None:
        super().__init__("dev", environments.PROJECT)

    def client(self, service: str) -> Any:
        return AWS.client(service)


@pytest.fixture
def client():
    with mock_aws():
        iam = AWS.client("iam")
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        client = AWS.client("lambda")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        for name in (HEALTH, "session-service-staging-health"):
            client.create_function(
                FunctionName=name, Runtime="python3.11", Role=role, Handler="handler.handler",
                Code={"ZipFile": code.getvalue()}, Description="1.0.0", Publish=True,
            )  # fmt: skip
            client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        yield client


def publish(client, release: str) -> str:
    client.update_function_configuration(FunctionName=HEALTH, Description=release)
    return client.publish_version(FunctionName=HEALTH)["Version"]


def test_the_live_release_is_the_one_that_the_alias_points_at(client):
    publish(client, "1.1.0")

    assert Releases(Environment()).live() == "1.0.0"


def test_another_environments_functions_are_not_its_own(client):
    assert Releases(Environment()).now() == {HEALTH: "1"}


def test_a_release_that_was_published_twice_is_its_last_one(client):
    publish(client, "1.1.0")
    publish(client, "1.2.0")
    last = publish(client, "1.1.0")

    assert Releases(Environment()).versions("1.1.0") == {HEALTH: last}


def test_an_unknown_release_is_refused_with_those_that_there_are(client):
    with pytest.raises(Refused, match=r"no release '0\.9\.0'. It has: 1\.0\.0\."):
        Releases(Environment()).versions("0.9.0")


def test_pointing_leaves_no_weights(client):
    releases = Releases(Environment())
    coming = publish(client, "1.1.0")
    releases.shift({HEALTH: "1"}, {HEALTH: coming}, 10)

    releases.point({HEALTH: coming})

    alias = client.get_alias(FunctionName=HEALTH, Name="live")
    assert alias["FunctionVersion"] == coming
    assert alias["RoutingConfig"]["AdditionalVersionWeights"] == {}


def test_a_shift_leads_a_share_to_what_comes(client):
    coming = publish(client, "1.1.0")

    Releases(Environment()).shift({HEALTH: "1"}, {HEALTH: coming}, 10)

    alias = client.get_alias(FunctionName=HEALTH, Name="live")
    assert alias["FunctionVersion"] == "1"
    assert alias["RoutingConfig"]["AdditionalVersionWeights"] == {coming: 0.1}


def test_a_shift_after_somebody_else_moved_stops(client):
    coming = publish(client, "1.1.0")
    client.update_alias(FunctionName=HEALTH, Name="live", FunctionVersion=coming)

    with pytest.raises(Failed, match="Somebody else has moved"):
        Releases(Environment()).shift({HEALTH: "1"}, {HEALTH: coming}, 10)
