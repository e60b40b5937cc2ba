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

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],
        env=os.environ | {"API": system.url, "TOKEN": alice},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    created = re.findall(r'"sessionId": ?"([^"]+)".* (201)$', done.stdout, re.MULTILINE)
    assert len(created) == 2
    assert len(set(created)) == 1
    assert re.findall(r"^HTTP/1.1 (\d+)", done.stdout, re.MULTILINE) == ["200", "200", "412", "204"]
    assert '"status":"ended"' in done.stdout.splitlines()[-1].replace(" ", "")


def test_a_session_lives_from_opening_to_end(call: Call, alice: str):
    opened = call("POST", "/sessions", token=alice, json={"sourceLanguage": "fr", "qualityTier": "premium"})
    path = opened.headers["Location"]
    read = call("GET", path)
    paused = call(
        "PATCH", path, token=alice, json={"status": "paused"}, headers={"If-Match": read.headers["ETag"]}
    )
    ended = call("DELETE", path, token=alice)
    last = call("GET", path)

    assert [answer.status_code for answer in (opened, read, paused, ended, last)] == [201, 200, 200, 204, 200]
    assert read.json() == {name: value for name, value in opened.json().items() if name != "speakerId"}
    assert opened.json()["speakerId"] == jwt.decode(alice, options={"verify_signature": False})["sub"]
    assert paused.json()["status"] == "paused"
    assert (ended.content, last.json()["status"]) == (b"", "ended")


def test_the_token_command_prints_the_token_alone(system: System):
    command = [sys.executable, "-m", "scripts.local.token", "carol", "--work", str(system.work)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+\n", done.stdout)


def test_the_same_name_is_the_same_speaker(system: System, alice: str):
    again = system.token("alice")

    claims = [jwt.decode(token, options={"verify_signature": False}) for token in (alice, again)]
    assert claims[0]["sub"] == claims[1]["sub"]


def test_a_token_without_a_running_system_is_a_clear_refusal(tmp_path: Path):
    command = [sys.executable, "-m", "scripts.local.token", "alice", "--work", str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "make run" in done.stderr


def test_health_says_which_build_runs_where(call: Call):
    answer = call("GET", "/health")

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["environment"]) == ("healthy", "local")
    assert re.match(r"\d+\.\d+\.\d+\+", answer.json()["version"])


def test_health_is_well_for_the_probe_too(system: System):
    command = [sys.executable, "-m", "scripts.operate.health", "--url", system.url]

    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_console_is_served(system: System):
    answer = requests.get(system.running.console_url, timeout=30)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_line_of_the_log_names_the_request_as_the_client_knows_it(system: System, call: Call):
    answer = call("GET", "/sessions/holy-psalm-100")

    assert answer.json()["requestId"] == answer.headers["apigw-requestid"]
    (log,) = (system.work / "logs").glob("*get_session.log")
    assert answer.json()["requestId"] in log.read_text()


def test_no_log_holds_a_token(system: System, alice: str, path: str):
    for log in (system.work / "logs").iterdir():
        assert alice not in log.read_text(errors="replace"), log.name


def test_the_work_folder_says_where_the_system_is(system: System):
    assert local_system.find(system.work) == system.running
