"""`make run` and `make token` where they cannot do their work, and tokens against the real local AWS."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from scripts import local_system
from scripts.local import __main__ as run
from scripts.local import processes, speakers, token
from scripts.local.aws import local_aws
from scripts.local_system import RunningSystem


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


def test_a_taken_port_is_said_before_anything_is_built(taken_port: int, tmp_path: Path, capsys):
    code = run.main(["--port", str(taken_port), "--work", str(tmp_path)])

    said = capsys.readouterr()
    assert code == 1
    assert said.out == ""
    assert said.err.startswith(f"Port {taken_port} is taken. Choose another: make run PORT=")


def test_a_second_run_names_the_first(tmp_path: Path, capsys):
    with local_system.claim(tmp_path):
        local_system.publish(
            tmp_path,
            RunningSystem(4242, "http://127.0.0.1:8080", "http://127.0.0.1:8081", ready=True),
        )

        code = run.main(["--port", "8090", "--work", str(tmp_path)])

    assert code == 1
    assert capsys.readouterr().err == (
        "One already runs in this checkout: http://127.0.0.1:8080, pid 4242. To stop it: kill 4242\n"
    )


@pytest.mark.parametrize("port", ["0", "65535", "-1", "http", ""])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path):
    with pytest.raises(SystemExit) as refused:
        run.main(["--port", port, "--work", str(tmp_path)])

    assert refused.value.code == 2


def test_there_is_no_token_where_nothing_runs(tmp_path: Path, capsys):
    code = token.main(["alice", "--work", str(tmp_path)])

    said = capsys.readouterr()
    assert (code, said.out, said.err) == (1, "", "Nothing runs here: start it with make run\n")


def test_there_is_no_token_before_the_system_is_ready(tmp_path: Path, capsys):
    with local_system.claim(tmp_path):
        local_system.publish(tmp_path, RunningSystem(4242, "http://127.0.0.1:8080", "http://127.0.0.1:8081"))

        code = token.main(["alice", "--work", str(tmp_path)])

    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert "still starting" in said.err


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """The work folder of a system that has no more than the local AWS and a user pool."""
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((tmp_path / "aws.log").open("wb"))
        process, url = local_aws.start(log, streams_url="http://127.0.0.1:9/")
        stack.callback(processes.stop, process)
        pool = local_system.aws_client("cognito-idp", url)
        stack.callback(pool.close)
        pool_id = pool.create_user_pool(PoolName="speakers")["UserPool"]["Id"]
        client = pool.create_user_pool_client(UserPoolId=pool_id, ClientName="app")["UserPoolClient"][
            "ClientId"
        ]
        stack.enter_context(local_system.claim(tmp_path))
        local_system.publish(tmp_path, RunningSystem(1, "", "", url, pool_id, client, ready=True))
        yield tmp_path


def test_a_token_stands_alone_and_names_the_same_speaker_each_time(work: Path, capsys):
    codes, tokens = [], []
    for name in ("alice", "alice", "bob"):
        codes.append(token.main([name, "--work", str(work)]))
        tokens.append(capsys.readouterr().out)

    claims = [jwt.decode(text.strip(), options={"verify_signature": False}) for text in tokens]
    assert codes == [0, 0, 0]
    assert all(text.count("\n") == 1 and " " not in text for text in tokens)
    assert claims[0]["sub"] == claims[1]["sub"] != claims[2]["sub"]
    assert {claim["client_id"] for claim in claims} == {local_system.find(work).user_pool_client_id}
    for name in ("", "a b", "-a", "é", "a\n", "x" * 129):
        with pytest.raises(speakers.BadName):
            speakers.token(name, aws_url="", user_pool_id="", client_id="")
