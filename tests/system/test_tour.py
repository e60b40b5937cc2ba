"""The README's tour, with a real token, and the commands that it uses."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jwt
import requests

from scripts import local_system
from tests.system.conftest import Call, System


def test_the_readmes_tour_creates_reads_changes_and_ends_a_session(system: System, alice: str):
    (tour,) = re.findall(r"## A tour.*?```bash\n(.*?)```", Path("README.md").read_text(), re.DOTALL)

    process = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],
        env=os.environ | {"API": system.url, "TOKEN": alice},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert process.returncode == 0, process.stderr
    creates = re.findall(r'"sessionId": ?"([^"]+)".* (201)$', process.stdout, re.MULTILINE)
    assert len(creates) == 2
    assert len(set(creates)) == 1
    assert re.findall(r"^HTTP/1.1 (\d+)", process.stdout, re.MULTILINE) == ["200", "200", "412", "204"]
    assert '"status":"ended"' in process.stdout.splitlines()[-1].replace(" ", "")


def test_a_session_is_created_read_paused_and_ended(call: Call, alice: str):
    created = call("POST", "/sessions", token=alice, json={"sourceLanguage": "fr", "qualityTier": "premium"})
    path = created.headers["Location"]
    read = call("GET", path)
    paused = call(
        "PATCH", path, token=alice, json={"status": "paused"}, headers={"If-Match": read.headers["ETag"]}
    )
    ended = call("DELETE", path, token=alice)
    last = call("GET", path)

    assert [response.status_code for response in (created, read, paused, ended, last)] == [
        201,
        200,
        200,
        204,
        200,
    ]
    assert read.json() == {name: value for name, value in created.json().items() if name != "speakerId"}
    assert created.json()["speakerId"] == jwt.decode(alice, options={"verify_signature": False})["sub"]
    assert paused.json()["status"] == "paused"
    assert (ended.content, last.json()["status"]) == (b"", "ended")


def test_the_token_command_prints_only_the_token(system: System):
    command = [sys.executable, "-m", "scripts.local.token", "carol", "--work", str(system.work)]

    process = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (process.returncode, process.stderr) == (0, "")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", process.stdout)


def test_two_tokens_for_one_name_have_the_same_subject(system: System, alice: str):
    another_token = system.token("alice")

    claims = [jwt.decode(token, options={"verify_signature": False}) for token in (alice, another_token)]
    assert claims[0]["sub"] == claims[1]["sub"]


def test_the_token_command_without_a_running_system_recommends_make_run(tmp_path: Path):
    command = [sys.executable, "-m", "scripts.local.token", "alice", "--work", str(tmp_path)]

    process = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (process.returncode, process.stdout) == (1, "")
    assert "make run" in process.stderr


def test_health_reports_the_environment_and_the_release(call: Call):
    response = call("GET", "/health")

    assert response.status_code == 200
    assert (response.json()["status"], response.json()["environment"]) == ("healthy", "local")
    assert re.match(r"\d+\.\d+\.\d+\+", response.json()["version"])


def test_the_health_command_succeeds(system: System):
    command = [sys.executable, "-m", "scripts.operate.health", "--url", system.url]

    process = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    assert process.returncode == 0, process.stdout + process.stderr


def test_the_console_is_served(system: System):
    response = requests.get(system.running.console_url, timeout=30)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")


def test_the_log_contains_the_request_id_that_the_client_receives(system: System, call: Call):
    response = call("GET", "/sessions/holy-psalm-100")

    assert response.json()["requestId"] == response.headers["apigw-requestid"]
    (log,) = (system.work / "logs").glob("*get_session.log")
    assert response.json()["requestId"] in log.read_text()


def test_no_log_contains_a_token(system: System, alice: str, path: str):
    for log in (system.work / "logs").iterdir():
        assert alice not in log.read_text(errors="replace"), log.name


def test_the_running_system_is_found_by_its_work_folder(system: System):
    assert local_system.find(system.work) == system.running
