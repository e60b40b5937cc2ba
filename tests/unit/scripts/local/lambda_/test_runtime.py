"""Functions under the real runtime client, one folder and one fault each."""

import contextlib
import io
import os
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts.local import system
from scripts.local.config.functions import Function
from scripts.local.config.http_api import HttpApi
from scripts.local.lambda_ import runtime

Serve = Callable[..., str]

SAY_WHO = """
import os
CALLS = []
def handler(event, context):
    CALLS.append(1)
    return {"pid": os.getpid(), "calls": len(CALLS)}
"""


def test_a_warm_copy_is_used_again_with_what_it_remembers(made_by_hand: Serve, client: requests.Session):
    url = made_by_hand(who=SAY_WHO)

    first, second = (client.get(f"{url}/who").json() for _ in range(2))

    assert second == {"pid": first["pid"], "calls": 2}


def test_each_concurrent_invocation_has_a_process_of_its_own(made_by_hand: Serve):
    url = made_by_hand(
        slow="import os, time\ndef handler(event, context):\n    time.sleep(1)\n    return os.getpid()"
    )

    with ThreadPoolExecutor() as threads:
        began = time.monotonic()
        pids = set(threads.map(lambda _: requests.get(f"{url}/slow", timeout=8).text, range(3)))

    assert len(pids) == 3
    assert time.monotonic() - began < 2.8


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("raises", "raise ValueError('no')"),
        ("exits", "import sys; sys.exit(3)"),
        ("crashes", "import os; os.kill(os.getpid(), 11)"),
        ("leaves", "import os; os._exit(0)"),
        ("talks_nonsense", "return {'statusCode': 'fine'}"),
        ("returns_what_is_not_json", "return object()"),
    ],
)
def test_a_fault_is_an_internal_server_error_and_the_next_request_works(
    made_by_hand: Serve, client: requests.Session, name: str, body: str
):
    # The file makes only the first invocation fail.
    source = f"""
import pathlib
FAILED = pathlib.Path(__file__).with_name("failed")
def handler(event, context):
    if FAILED.exists():
        return "well"
    FAILED.touch()
    {body}
"""
    url = made_by_hand(**{name: source})

    failed, next_one = client.get(f"{url}/{name}"), client.get(f"{url}/{name}")

    assert (failed.status_code, failed.json()) == (500, {"message": "Internal Server Error"})
    assert (next_one.status_code, next_one.text) == (200, "well")


def test_a_function_that_runs_too_long_is_killed_and_the_next_request_works(
    made_by_hand: Serve, client: requests.Session, tmp_path: Path
):
    source = """
import os, pathlib, time
PID = pathlib.Path(__file__).with_name("pid")
def handler(event, context):
    if PID.exists():
        return "well"
    PID.write_text(str(os.getpid()))
    while True:
        time.sleep(1)
"""
    url = made_by_hand(hangs=source, timeout=0.5)

    began = time.monotonic()
    failed, took = client.get(f"{url}/hangs"), time.monotonic() - began
    next_one = client.get(f"{url}/hangs")

    assert (failed.status_code, failed.json()) == (500, {"message": "Internal Server Error"})
    assert 0.5 <= took < 3
    assert next_one.text == "well"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "hangs" / "pid").read_text()), 0)


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('no settings')", "import nothing_of_this_name", "exit(1)"]
)
def test_a_function_that_cannot_start_is_an_internal_server_error(
    made_by_hand: Serve, client: requests.Session, source: str
):
    url = made_by_hand(broken=source)

    answers = [client.get(f"{url}/broken") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 500]


def test_a_function_finds_what_lambda_sets_and_nothing_of_the_developers(
    made_by_hand: Serve, client: requests.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("DEVELOPERS_SECRET", "x")
    source = """
import os, sys
def handler(event, context):
    try:
        import pydantic
    except ImportError:
        return {**os.environ, "cwd": os.getcwd(), "arn": context.invoked_function_arn,
                "left": context.get_remaining_time_in_millis(), "id": context.aws_request_id}
"""
    url = made_by_hand(look=source)

    found = client.get(f"{url}/look").json()

    assert found["COLOUR"] == "green"
    assert found["AWS_REGION"] == "us-east-1"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == "look"
    assert found["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert found["LAMBDA_TASK_ROOT"] == found["cwd"] == str(tmp_path / "look")
    assert found["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert found["arn"].endswith(":function:look")
    assert 4_000 < found["left"] <= 5_000
    assert len(found["id"]) == 36
    assert not {"DEVELOPERS_SECRET", "HOME", "VIRTUAL_ENV"} & found.keys()


def test_more_invocations_than_reserved_concurrency_are_service_unavailable(made_by_hand: Serve):
    url = made_by_hand(
        one="import time\ndef handler(event, context):\n    time.sleep(1)\n    return 1", reserved=1
    )

    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(lambda _: requests.get(f"{url}/one", timeout=8), range(3)))

    assert sorted(answer.status_code for answer in answers) == [200, 503, 503]
    assert {answer.text for answer in answers} == {"1", '{"message":"Service Unavailable"}'}


def test_an_answer_larger_than_lambda_carries_is_an_internal_server_error(
    made_by_hand: Serve, client: requests.Session
):
    url = made_by_hand(long="def handler(event, context):\n    return 'x' * 7_000_000")

    answers = [client.get(f"{url}/long") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [500, 500]


def test_stopping_ends_functions_that_still_run(
    made_by_hand: Serve, tmp_path: Path, running: contextlib.ExitStack
):
    source = """
import os, pathlib, subprocess, time
def handler(event, context):
    child = subprocess.Popen(["sleep", "60"])
    pathlib.Path(__file__).with_name("pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)
"""
    url = made_by_hand(endless=source, timeout=60)
    with pytest.raises(requests.Timeout):
        requests.get(f"{url}/endless", timeout=1)
    pids = (tmp_path / "endless" / "pids").read_text().split()

    running.close()

    # What has been killed is gone a moment later.
    until = time.monotonic() + 5
    while (left := [pid for pid in pids if _runs(pid)]) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_function_says_is_in_its_log(made_by_hand: Serve, client: requests.Session, tmp_path: Path):
    url = made_by_hand(speaks="def handler(event, context):\n    print('hello')\n    raise ValueError('oh')")

    client.get(f"{url}/speaks")

    log = (tmp_path / "work" / "logs" / "speaks.log").read_text()
    assert "hello" in log
    assert "ValueError" in log


def test_a_zip_is_unpacked_once_and_read_only(tmp_path: Path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("functions/a/handler.py", "x = 1")

    first = runtime.unpack(packed.getvalue(), tmp_path)
    second = runtime.unpack(packed.getvalue(), tmp_path)

    assert first == second
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    assert (first / "functions/a/handler.py").stat().st_mode & 0o222 == 0


def test_a_function_for_another_python_is_refused_before_anything_starts(tmp_path: Path, pool):
    arn = "arn:aws:lambda:us-east-1:123456789012:function:old"
    function = Function("old", arn, "handler.handler", "python2.7", "x86_64", ("", ""), 128, 3, {})
    api = HttpApi("abc123", "abc123.example", "123456789012", ())

    with (
        pytest.raises(runtime.WrongRuntime, match=r"old is built for python2\.7"),
        system.serve(api, {"old": function}, {"old": tmp_path}, work=tmp_path, fetch_keys=pool.fetch_keys),
    ):
        pass
