"""Deployments to the running local system, good and bad, a rollback, and operators' tools."""

import functools
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from scripts.deploy import __main__ as deploy
from scripts.deploy import actions
from scripts.deploy.rollout import Rollout
from scripts.environments import Environment, find
from scripts.local.lambda_.aliases import CACHE_SECONDS
from scripts.local.system import System
from scripts.operate import health, sessions, tail
from tests.faults.in_process.conftest import TIMEOUT_S, Clock
from tests.support.eventually import eventually
from tests.support.projects import Project, copy_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy of the project, from which tests deploy to the system."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def local(project: Project, clock: Clock) -> Iterator[System]:
    """Start the system in the project's own folders."""
    work, dist = project.folder / "build/local", project.folder / "dist"
    with System(work=work, dist=dist, clock=clock, runs_schedules=False) as system:
        yield system


READ = "/sessions/blessed-shepherd-427"
ALARM = "session-service-local-failures"


def command(project: Project, local: System, *arguments: str) -> int:
    return deploy.main(list(arguments), project.folder, local.work)


def rename(project: Project, release: str) -> None:
    """Give the build that is in dist the name of a new release."""
    file = project.folder / "dist/manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": release}))


def version(local: System) -> str:
    return requests.get(f"{local.url}/health", timeout=TIMEOUT_S).json()["version"]


class Traffic:
    """Requests that read a session, and what CloudWatch does with them, but moto does not.

    That is to count the responses of each route, and to set off the alarm on any 5xx.
    """

    def __init__(self, environment: Environment, local: System, clock: Clock) -> None:
        self.statuses: Counter[int] = Counter()
        self._clock = clock
        self._url = f"{local.url}{READ}"
        self._api_id = local.config.http_api.id
        self._access_log = local.work / "logs/access.log"
        self._cloudwatch = environment.client("cloudwatch")
        self._cloudwatch.put_metric_alarm(
            AlarmName=ALARM, Namespace="AWS/ApiGateway", MetricName="5xx", Statistic="Sum", Period=60,
            EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        self._cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="no traffic yet")

    def flow(self, _: float = 0) -> None:
        """Send at least a hundred requests and at least one that fails."""
        with self._access_log.open() as log:
            log.seek(0, 2)
            time.sleep(CACHE_SECONDS)  # the weights of the alias are current from here on
            while self.statuses.total() < 100 or not self.statuses[500]:
                self._clock.move_forward(0.1)  # so that no request is throttled
                self.statuses[requests.get(self._url, timeout=TIMEOUT_S).status_code] += 1
            lines = [json.loads(line) for line in log]
        responses = Counter((line["routeKey"], line["status"].startswith("5")) for line in lines)
        for (route, failed), count in responses.items():
            if failed:
                self._cloudwatch.set_alarm_state(
                    AlarmName=ALARM, StateValue="ALARM", StateReason=f"{count} requests failed"
                )
            self._put_metric(route, "Count", count)
            self._put_metric(route, "5xx", count if failed else 0)

    def end_alarm(self) -> None:
        """Return the alarm to OK, as CloudWatch does when no more requests fail."""
        self._cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="no more failures")

    def _put_metric(self, route: str, name: str, value: int) -> None:
        method, path = route.split(" ")
        values = {"ApiId": self._api_id, "Stage": "$default", "Method": method, "Resource": path}
        metric = {
            "MetricName": name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in values.items()],
            "Value": value,
            "Timestamp": datetime.now(UTC),
        }
        self._cloudwatch.put_metric_data(Namespace="AWS/ApiGateway", MetricData=[metric])


def test_a_good_release_takes_over_in_steps(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):
    rename(project, "9.0.0")
    assert command(project, local, "plan", "local") == 0

    code = command(project, local, "rollout", "local", "--step", "25", "--pause", "1")

    output = capsys.readouterr()
    assert code == 0, output.err
    assert re.findall(r"(\d+) % of the requests go to 9\.0\.0", output.out) == ["25", "50", "75", "100"]
    assert "Smoke test passed: created, read, changed and ended a session" in output.out
    assert version(local) == "9.0.0"


def test_what_does_not_need_aws_is_checked(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):
    code = command(project, local, "smoke", "local")

    output = capsys.readouterr()
    assert code == 0, output.err
    lines = output.out.splitlines()
    assert lines.count("ok    $disconnect receives the context of the authorizer") == 1
    assert sorted({line.split()[0] for line in lines}) == ["ok", "skip"]


def test_the_former_release_is_live_again_after_a_bad_one(
    project: Project,
    local: System,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    good_build = {file: file.read_bytes() for file in (project.folder / "dist").iterdir() if file.is_file()}
    project.build("9.1.0", status=500)
    assert command(project, local, "plan", "local") == 0
    traffic = Traffic(find("local", project.folder, local.work), local, clock)
    monkeypatch.setattr(actions, "Rollout", functools.partial(Rollout, sleep=traffic.flow))

    code = command(project, local, "rollout", "local", "--step", "10", "--pause", "300")
    traffic.end_alarm()
    for file, content in good_build.items():
        file.write_bytes(content)
    during = traffic.statuses
    time.sleep(CACHE_SECONDS)
    clock.move_forward(60)
    afterwards = {requests.get(f"{local.url}{READ}", timeout=TIMEOUT_S).status_code for _ in range(50)}

    output = capsys.readouterr()
    assert code == 1, output.err
    assert output.err.splitlines()[-1] == f"Active alarms: {ALARM}. The former release is live again."
    assert re.findall(r"(\d+) % of the requests go to 9\.1\.0", output.out) == ["10"]
    report = re.search(r"During the rollout (\d+) of (\d+) requests failed \((.+) %\)", output.out)
    assert report
    assert (int(report[1]), int(report[2])) == (during[500], during.total())
    assert float(report[3]) < 30
    assert afterwards == {404}
    assert version(local) == "9.0.0"


def test_a_rollback_needs_no_terraform(
    project: Project, local: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = find("local", project.folder, local.work)
    built = environment.client("lambda").get_function_configuration(
        FunctionName="session-service-local-health", Qualifier="1"
    )["Description"]

    code = command(project, local, "rollback", "local", "--to", built)

    assert code == 0
    eventually(lambda: version(local) == built)


class Pages:
    """Pages of one session each, of a speaker with three."""

    def __init__(self, local: System, clock: Clock) -> None:
        self._clock = clock
        self._url = f"{local.url}/sessions"
        self._headers = {"Authorization": f"Bearer {local.token('speaker-of-three')}"}
        for _ in range(3):
            created = requests.post(
                self._url, json={"sourceLanguage": "en"}, headers=self._headers, timeout=TIMEOUT_S
            )
            assert created.status_code == 201

    def next_cursors(self, cursor: str | None, signers: int) -> set[str]:
        """Read the page until as many releases have signed its next cursor, which differs by its key."""
        parameters = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        found: set[str] = set()

        def all_found() -> bool:
            self._clock.move_forward(0.1)  # so that no request is throttled
            page = requests.get(self._url, params=parameters, headers=self._headers, timeout=TIMEOUT_S)
            assert page.status_code == 200, page.text
            found.add(page.json()["nextCursor"])
            return len(found) == signers

        eventually(all_found)
        return found


def test_cursors_of_two_releases_work_on_both_while_a_rotated_one_rolls_out(
    project: Project,
    local: System,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    former = version(local)
    pages = Pages(local, clock)
    assert command(project, local, "rotate-secrets", "local") == 0
    rename(project, "9.2.0")
    assert command(project, local, "plan", "local") == 0
    checked: list[tuple[int, int]] = []

    def use_cursors_and_stop(_: float) -> None:
        first_pages = pages.next_cursors(None, signers=2)
        second_pages = {next_ for cursor in first_pages for next_ in pages.next_cursors(cursor, signers=2)}
        checked.append((len(first_pages), len(second_pages)))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(actions, "Rollout", functools.partial(Rollout, sleep=use_cursors_and_stop))
        stopped = command(project, local, "rollout", "local", "--step", "50", "--pause", "300")

    assert stopped == 1
    assert checked == [(2, 2)], capsys.readouterr().err
    eventually(lambda: version(local) == former)


def test_a_stopped_rollout_of_a_rotated_release_can_go_on_and_then_the_former_one_is_refused(
    project: Project, local: System, capsys: pytest.CaptureFixture[str]
):
    former = version(local)

    code = command(project, local, "rollout", "local", "--to", "9.2.0", "--step", "50", "--pause", "0")
    eventually(lambda: version(local) == "9.2.0")
    output = capsys.readouterr()
    refused = command(project, local, "rollback", "local", "--to", former)

    assert code == 0, output.err
    assert refused == 2
    assert capsys.readouterr().err.startswith(
        f"{former} is older than the last rotation of the secrets of local,"
    )
    assert version(local) == "9.2.0"


def counted(project: Project, local: System, capsys: pytest.CaptureFixture[str]) -> dict[str, list[int]]:
    """Return the printed table: by language, how many are active, paused, and both."""
    assert sessions.main(["local"], project.folder, local.work) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {language: [int(count) for count in counts] for language, *counts in rows[1:]}


def test_live_sessions_are_counted(project: Project, local: System, capsys: pytest.CaptureFixture[str]):
    before = counted(project, local, capsys)
    headers = {"Authorization": f"Bearer {local.token('alice')}"}
    for language in ("en", "en", "es"):
        opened = requests.post(
            f"{local.url}/sessions", json={"sourceLanguage": language}, headers=headers, timeout=TIMEOUT_S
        )
        assert opened.status_code == 201

    after = counted(project, local, capsys)

    added = {
        language: [new - old for new, old in zip(counts, before.get(language, (0, 0, 0)), strict=True)]
        for language, counts in after.items()
    }
    added = {language: counts for language, counts in added.items() if any(counts)}  # others just ended
    assert added == {"en": [2, 0, 2], "es": [1, 0, 1], "all": [3, 0, 3]}


def test_the_log_of_a_route_is_followed(project: Project, local: System, capsys: pytest.CaptureFixture[str]):
    requests.get(f"{local.url}{READ}", timeout=TIMEOUT_S)

    code = tail.main(
        ["local", "--route", "GET /sessions/{sessionId}"], project.folder, local.work, lambda: iter([None])
    )

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert any("get_session" in line and "GET /sessions/{sessionId} 404" in line for line in lines)
    assert not any("create_session" in line for line in lines)


def test_an_unknown_route_is_refused(project: Project, local: System, capsys: pytest.CaptureFixture[str]):

    code = tail.main(["local", "--route", "GET /moon"], project.folder, local.work)

    assert code == 2
    assert "local has no route 'GET /moon'. It has: $connect" in capsys.readouterr().err


def test_the_health_of_the_running_system_is_read_at_its_own_url(project: Project, local: System):

    def endpoint(environment: str) -> str:
        found = find(environment, project.folder, local.work)
        found.init()
        return found.outputs()["http_api_endpoint"]

    assert health.main(["--env", "local"], endpoint) == 0
