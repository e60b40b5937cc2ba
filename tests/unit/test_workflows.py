"""The workflows of GitHub Actions: pinned actions, no access keys, and only commands of the Makefile."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.project import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
WORKFLOWS = {file.name: yaml.safe_load(file.read_text()) for file in FILES}


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for workflow in WORKFLOWS.values():
        yield from workflow["jobs"].items()


def steps() -> Iterator[dict[str, Any]]:
    for _, job in jobs():
        yield from job.get("steps", [])


def test_the_workflows_are_these():
    assert set(WORKFLOWS) == {"check.yml", "deploy.yml", "environment.yml"}


@pytest.mark.parametrize("action", sorted({step["uses"] for step in steps() if "uses" in step}))
def test_an_action_is_pinned_by_its_digest(action: str):
    assert re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}|docker://[a-z/]+@sha256:[0-9a-f]{64}", action)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_pin_has_a_comment_with_its_version(file):
    pins = [line for line in file.read_text().splitlines() if re.search(r"uses: \S+@", line)]

    assert all(re.search(r" # v\d+\.\d+\.\d+$", line) for line in pins)


def test_an_action_runs_on_a_supported_version_of_node():
    text = "".join(file.read_text() for file in FILES)
    majors = {name: int(major) for name, major in re.findall(r"uses: (\S+)@[0-9a-f]+ # v(\d+)", text)}

    # Older majors run on Node 20, which GitHub has retired.
    assert majors["actions/setup-python"] >= 6
    assert majors["actions/download-artifact"] >= 8
    assert majors["hashicorp/setup-terraform"] >= 4


@pytest.mark.parametrize("command", sorted({step["run"] for step in steps() if "run" in step}))
def test_a_job_runs_only_commands_of_the_makefile(command: str):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    parameters = {"$HOW": ["apply", "rollout"], "${{ matrix.target }}": ["test", "conformance", "lint"]}

    match = re.fullmatch(r"make (?:--silent )?\"?(.+?)\"?(?: ENV=dev LOCK=false \| tee plan\.txt)?", command)

    assert match
    assert set(parameters.get(match[1], [match[1]])) <= targets


def test_a_pipe_fails_with_the_command_before_it():
    # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#defaultsrunshell
    pipes = [
        step.get("shell", workflow.get("defaults", {}).get("run", {}).get("shell"))
        for workflow in WORKFLOWS.values()
        for job in workflow["jobs"].values()
        for step in job.get("steps", [])
        if "|" in step.get("run", "")
    ]

    assert pipes == ["bash"]


def test_a_job_that_may_be_cancelled_leaves_no_lock():
    cancelled = {
        name: workflow["jobs"]
        for name, workflow in WORKFLOWS.items()
        if workflow.get("concurrency", {}).get("cancel-in-progress")
    }
    commands = [
        step["run"] for job in cancelled["check.yml"].values() for step in job["steps"] if "run" in step
    ]

    assert set(cancelled) == {"check.yml"}
    assert [command for command in commands if "plan" in command] == [
        "make --silent plan ENV=dev LOCK=false | tee plan.txt"
    ]


def test_an_environment_is_deployed_once_the_repository_names_it():
    deploy = WORKFLOWS["deploy.yml"]["jobs"]
    conditions = {name: job.get("if") for name, job in deploy.items()}

    assert conditions == {
        "package": None,
        **{name: f"contains(vars.DEPLOY_ENVIRONMENTS, '{name}')" for name in ("dev", "staging", "prod")},
    }
    assert "DEPLOY_ENVIRONMENTS" in (ROOT / "docs/deploy.md").read_text()


def test_no_workflow_has_an_access_key():
    text = "".join(file.read_text() for file in FILES)

    assert "secrets." not in text
    assert "aws-access-key-id" not in text


def test_each_environment_waits_for_the_one_before_it():
    deploy = WORKFLOWS["deploy.yml"]["jobs"]

    assert {name: job.get("needs") for name, job in deploy.items()} == {
        "package": None, "dev": "package", "staging": "dev", "prod": "staging",
    }  # fmt: skip


def test_the_zips_are_packaged_once():
    commands = [step.get("run") for step in WORKFLOWS["environment.yml"]["jobs"]["deploy"]["steps"]]

    assert "make package" not in commands


def test_only_jobs_that_assume_a_role_may_request_an_oidc_token():
    requesting = {name for name, job in jobs() if job.get("permissions", {}).get("id-token") == "write"}

    assert requesting == {"plan", "dev", "staging", "prod", "deploy"}
    assert all(workflow["permissions"] == {"contents": "read"} for workflow in WORKFLOWS.values())


def test_dependabot_opens_one_pull_request_for_each_ecosystem():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]

    assert [update["package-ecosystem"] for update in updates] == ["uv", "github-actions", "terraform"]
    assert all([group["patterns"] for group in update["groups"].values()] == [["*"]] for update in updates)


@pytest.mark.parametrize("pins", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda pins: pins.name)
def test_dependabot_finds_the_options_of_uv_in_each_file_of_pins(pins: Path):
    header = pins.read_text().splitlines()[1]

    assert "--universal --python-version 3.11 --generate-hashes" in header
    assert header.endswith(f"{pins.stem}.in -o {pins.name}")
