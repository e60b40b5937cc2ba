"""GitHub Actions: pinned, without keys, and doing nothing that a person could not do with make."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from scripts.project import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {file.name: yaml.safe_load(file.read_text()) for file in FILES}
# No digest of it is known to be right: its full version stands for it.
BY_VERSION = {"docker://rhysd/actionlint:1.7.12"}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for workflow in WORKFLOWS.values():
        yield from workflow["jobs"].items()


def steps() -> Iterator[dict[str, Any]]:
    for _, job in jobs():
        yield from job.get("steps", [])


def test_there_are_workflows():
    assert set(WORKFLOWS) == {"check.yml", "deploy.yml", "environment.yml"}


@pytest.mark.parametrize("action", sorted({step["uses"] for step in steps() if "uses" in step}))
def test_an_action_is_pinned_by_its_digest(action: str):
    assert action in BY_VERSION or re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}", action)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_pin_tells_its_version(file):
    pins = [line for line in file.read_text().splitlines() if re.search(r"uses: [a-z-]+/", line)]

    assert all(re.search(r" # v\d+\.\d+\.\d+$", line) for line in pins)


@pytest.mark.parametrize("command", sorted({step["run"] for step in steps() if "run" in step}))
def test_a_job_does_what_a_person_can_do_with_make(command: str):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    chosen = {"$HOW": ["apply", "rollout"], "${{ matrix.target }}": ["test", "lint"]}

    found = re.fullmatch(r"make (?:--silent )?\"?(.+?)\"?(?: ENV=dev \| tee plan\.txt)?", command)

    assert found
    assert set(chosen.get(found[1], [found[1]])) <= targets


def test_no_workflow_holds_a_key():
    text = "".join(file.read_text() for file in FILES)

    assert "secrets." not in text
    assert "aws-access-key-id" not in text


def test_each_environment_waits_for_the_one_before_it():
    deploy = WORKFLOWS["deploy.yml"]["jobs"]

    assert {name: job.get("needs") for name, job in deploy.items()} == {
        "package": None, "dev": "package", "staging": "dev", "prod": "staging",
    }  # fmt: skip


def test_what_is_deployed_was_packaged_once():
    commands = [step.get("run") for step in WORKFLOWS["environment.yml"]["jobs"]["deploy"]["steps"]]

    assert "make package" not in commands


def test_only_jobs_that_take_a_role_may_ask_for_githubs_token():
    asking = {name for name, job in jobs() if job.get("permissions", {}).get("id-token") == "write"}

    assert asking == {"plan", "dev", "staging", "prod", "deploy"}
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())
