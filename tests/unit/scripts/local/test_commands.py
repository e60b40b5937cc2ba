"""`make run` and `make token`: what they print, when they fail too, and tokens of the local user pool."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from scripts import local_system
from scripts.errors import CommandError
from scripts.local import __main__ as run
from scripts.local import token
from scripts.local.aws import local_aws
from scripts.local.aws.user_pool import InvalidName, UserPool
from scripts.local_system import RunningSystem
from tests.unit.scripts.local.conftest import function


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.fixture(autouse=True)
def _signals(monkeypatch: pytest.MonkeyPatch):
    """Leave pytest its own signal handlers."""
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)


def test_a_taken_port_is_reported_before_anything_is_built(taken_port: int, tmp_path: Path, capsys):
    code = run.main(["--port", str(taken_port), "--work", str(tmp_path)])

    output = capsys.readouterr()
    assert code == 1
    assert output.out == ""
    assert output.err.startswith(f"Port {taken_port} is taken. Choose another: make run PORT=")


def test_a_second_run_names_the_first(tmp_path: Path, capsys):
    with local_system.claim(tmp_path):
        local_system.publish(
            tmp_path,
            RunningSystem(4242, "http://127.0.0.1:8080", "http://127.0.0.1:8081", ready=True),
        )

        code = run.main(["--port", "8090", "--work", str(tmp_path)])

    assert code == 1
    assert capsys.readouterr().err == (
        "A local system is already running in this checkout: http://127.0.0.1:8080, pid 4242."
        " To stop it: kill 4242\n"
    )


@pytest.mark.parametrize("port", ["0", "65535", "-1", "http", ""])
def test_an_invalid_port_is_refused(port: str, tmp_path: Path):
    with pytest.raises(SystemExit) as refused:
        run.main(["--port", port, "--work", str(tmp_path)])

    assert refused.value.code == 2


@pytest.mark.parametrize(
    ("directions", "said"),
    [
        ([], "[es] before the text"),
        (["spa-eng", "eng-spa"], "translated by Apertium (eng-spa, spa-eng); other languages have [es]"),
    ],
)
def test_it_is_said_how_captions_are_translated(directions: list[str], said: str):
    assert said in run._captions(directions)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "audioChunk is an unknown action; make run AUDIO=1 has a stream for it"),
        ({"AUDIO_STREAM": "audio"}, "Kinesis data stream audio at http://127.0.0.1:9000"),
    ],
)
def test_it_is_said_where_audio_goes(settings: dict[str, str], said: str):
    functions = {"other": function("other"), "send_audio": function("send_audio", environment=settings)}

    assert run._audio(functions, "http://127.0.0.1:9000") == said


@pytest.mark.parametrize(("options", "settings"), [([], {}), (["--audio"], {"audio_stream": "true"})])
def test_an_audio_stream_is_there_if_it_is_asked_for(
    options: list[str], settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started: list[dict[str, Any]] = []

    def start(**fields: Any) -> None:
        started.append(fields)
        raise CommandError("The test starts nothing.")

    monkeypatch.setattr(run, "System", start)

    assert run.main([*options, "--work", str(tmp_path)]) == 1
    assert [fields["settings"] for fields in started] == [settings]


def test_there_is_no_token_without_a_running_system(tmp_path: Path, capsys):
    code = token.main(["alice", "--work", str(tmp_path)])

    output = capsys.readouterr()
    assert (code, output.out) == (1, "")
    assert output.err == "No local system is running. Start it: make run\n"


def test_there_is_no_token_before_the_system_is_ready(tmp_path: Path, capsys):
    with local_system.claim(tmp_path):
        local_system.publish(tmp_path, RunningSystem(4242, "http://127.0.0.1:8080", "http://127.0.0.1:8081"))

        code = token.main(["alice", "--work", str(tmp_path)])

    output = capsys.readouterr()
    assert (code, output.out) == (1, "")
    assert "still starting" in output.err


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """The work folder of a system that consists of the local AWS and a user pool."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(local_aws.running(tmp_path / "aws.log", "http://127.0.0.1:9/")).url
        pool = local_system.aws_client("cognito-idp", url)
        stack.callback(pool.close)
        pool_id = pool.create_user_pool(PoolName="speakers")["UserPool"]["Id"]
        client = pool.create_user_pool_client(UserPoolId=pool_id, ClientName="app")
        client_id = client["UserPoolClient"]["ClientId"]
        stack.enter_context(local_system.claim(tmp_path))
        local_system.publish(tmp_path, RunningSystem(1, "", "", url, pool_id, client_id, ready=True))
        yield tmp_path


def test_a_token_is_printed_alone_and_is_of_the_same_speaker_each_time(work: Path, capsys):
    codes, tokens = [], []
    for name in ("alice", "alice", "bob"):
        codes.append(token.main([name, "--work", str(work)]))
        tokens.append(capsys.readouterr().out)

    claims = [jwt.decode(text.strip(), options={"verify_signature": False}) for text in tokens]
    assert codes == [0, 0, 0]
    assert all(text.count("\n") == 1 and " " not in text for text in tokens)
    assert claims[0]["sub"] == claims[1]["sub"] != claims[2]["sub"]
    assert {claim["client_id"] for claim in claims} == {local_system.find(work).user_pool_client_id}


@pytest.mark.parametrize("name", ["", "a b", "-a", "é", "a\n", "x" * 129])
def test_an_invalid_name_is_refused(name: str):
    with pytest.raises(InvalidName):
        UserPool(aws_url="", id="", client_id="").access_token(name)
