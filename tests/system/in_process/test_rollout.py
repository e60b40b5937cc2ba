"""Deploying to a system that runs here: in steps, back by itself from a bad build, and watched."""

import json
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from scripts.deploy import __main__ as deploy
from scripts.environments import find
from scripts.local.system import System
from scripts.operate import health, sessions, tail
from tests.support.eventually import eventually
from tests.support.projects import Project

READ = "/sessions/blessed-shepherd-427"
ALARM = "session-service-local-failures"


def command(project: Project, local: System, *arguments: str) -> int:
    return deploy.main(list(arguments), project.folder, local.work)


def rename(project: Project, release: str) -> str:
    """Make a new release of the same code; return the former one's name."""
    manifest = project.folder / "dist/manifest.json"
    told = json.loads(manifest.read_text())
    former = told["version"]
    manifest.write_text(json.dumps({**told, "version": release}))
    return former


def version(local: System) -> str:
    return requests.get(f"{local.url}/health", timeout=10).json()["version"]


class Clients:
    """People who read a session, 25 a second, and what they are answered."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}{READ}"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.answers: Counter[int] = Counter()

    def __enter__(self) -> "Clients":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._done.wait(0.04):
            self.answers[requests.get(self._url, timeout=10).status_code] += 1


class CloudWatch:
    """Does what CloudWatch does and moto does not: counts the answers, and sets off the alarm on any 5xx."""

    def __init__(self, environment, api_id: str, log: Path) -> None:
        self._client = environment.client("cloudwatch")
        self._api_id = api_id
        self._log = log
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._client.put_metric_alarm(
            AlarmName=ALARM, Namespace="AWS/ApiGateway", MetricName="5xx", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        self._client.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="quiet")

    def __enter__(self) -> "CloudWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        with self._log.open() as log:
            log.seek(0, 2)
            while not self._done.wait(0.2):
                answered = Counter(
                    (line["routeKey"], line["status"][0] == "5") for line in map(json.loads, log.readlines())
                )
                for (route, failed), count in answered.items():
                    if failed:
                        self._client.set_alarm_state(
                            AlarmName=ALARM, StateValue="ALARM", StateReason=f"{count} failed"
                        )
                    self._put(route, "Count", count)
                    self._put(route, "5xx", count if failed else 0)

    def _put(self, route: str, metric: str, value: int) -> None:
        method, path = route.split(" ")
        place = {"ApiId": self._api_id, "Stage": "$default", "Method": method, "Resource": path}
        dimensions = [{"Name": name, "Value": text} for name, text in place.items()]
        told = {
            "MetricName": metric,
            "Dimensions": dimensions,
            "Value": value,
            "Timestamp": datetime.now(UTC),
        }
        self._client.put_metric_data(Namespace="AWS/ApiGateway", MetricData=[told])


def test_a_good_release_takes_over_in_steps(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):
    rename(project, "9.0.0")
    assert command(project, local, "plan", "local") == 0

    code = command(project, local, "rollout", "local", "--step", "25", "--pause", "1")

    told = capsys.readouterr()
    assert code == 0, told.err
    assert re.findall(r"(\d+) % of the requests go to 9\.0\.0", told.out) == ["25", "50", "75", "100"]
    assert "Smoke test passed: created, read, changed and ended a session" in told.out
    assert version(local) == "9.0.0"


def test_a_bad_release_goes_back_by_itself(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):
    environment = find("local", project.folder, local.work)
    project.build("9.1.0", status=500)
    assert command(project, local, "plan", "local") == 0

    api = local.config.http_api.id
    with CloudWatch(environment, api, local.work / "logs/access.log"), Clients(local.url) as clients:
        code = command(project, local, "rollout", "local", "--step", "10", "--pause", "10")
        time.sleep(1.5)  # for so long an answer about an alias is good here
        while_it_ran = Counter(clients.answers)
        time.sleep(2)
        afterwards = clients.answers - while_it_ran

    told = capsys.readouterr()
    assert code == 1, told.err
    said = told.err.splitlines()
    assert said[-1] == f"Active alarms: {ALARM}. The former release is live again."
    assert re.findall(r"(\d+) % of the requests go to 9\.1\.0", told.out) == ["10"]
    reported = re.search(r"During the rollout (\d+) of (\d+) requests failed \((.+) %\)", told.out)
    assert reported
    assert 1 <= int(reported[1]) <= while_it_ran[500]
    assert float(reported[3]) < 30
    assert set(afterwards) == {404}
    assert version(local) == "9.0.0"


def test_a_rollback_takes_seconds(project: Project, local: System):
    environment = find("local", project.folder, local.work)
    built = environment.client("lambda").get_function_configuration(
        FunctionName="session-service-local-health", Qualifier="1"
    )["Description"]
    began = time.monotonic()

    code = command(project, local, "rollback", "local", "--to", built)

    assert code == 0
    assert time.monotonic() - began < 10
    eventually(lambda: version(local) == built)


def counted(project: Project, local: System, capsys: pytest.CaptureFixture[str]) -> dict[str, list[int]]:
    """Return the table that is shown: by language, how many are active, paused, and both."""
    assert sessions.main(["local"], project.folder, local.work) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {language: [int(count) for count in counts] for language, *counts in rows[1:]}


def test_sessions_that_live_are_counted(project: Project, local: System, capsys: pytest.CaptureFixture[str]):
    before = counted(project, local, capsys)
    headers = {"Authorization": f"Bearer {local.token('alice')}"}
    for language in ("en", "en", "es"):
        opened = requests.post(
            f"{local.url}/sessions", json={"sourceLanguage": language}, headers=headers, timeout=10
        )
        assert opened.status_code == 201

    after = counted(project, local, capsys)

    come = {
        language: [now - then for now, then in zip(counts, before.get(language, (0, 0, 0)), strict=True)]
        for language, counts in after.items()
    }
    assert come == {"en": [2, 0, 2], "es": [1, 0, 1], "all": [3, 0, 3]}


def test_the_log_of_a_route_is_followed(project: Project, local: System, capsys: pytest.CaptureFixture[str]):
    requests.get(f"{local.url}{READ}", timeout=10)

    code = tail.main(
        ["local", "--route", "GET /sessions/{sessionId}"], project.folder, local.work, lambda: iter([None])
    )

    shown = capsys.readouterr().out.splitlines()
    assert code == 0
    assert any("get_session" in line and "GET /sessions/{sessionId} 404" in line for line in shown)
    assert not any("create_session" in line for line in shown)


def test_a_route_that_is_not_there_is_refused(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):

    code = tail.main(["local", "--route", "GET /moon"], project.folder, local.work)

    assert code == 2
    assert "local has no route 'GET /moon'. It has: $connect" in capsys.readouterr().err


def test_the_health_of_the_running_system_is_asked_at_its_own_address(project: Project, local: System):

    def endpoint(environment: str) -> str:
        asked = find(environment, project.folder, local.work)
        asked.init()
        return asked.outputs()["http_api_endpoint"]

    assert health.main(["--env", "local"], endpoint) == 0
