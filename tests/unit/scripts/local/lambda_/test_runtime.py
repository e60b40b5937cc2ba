"""Functions under the real runtime client, one folder and one fault each."""

import asyncio
import contextlib
import io
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from scripts.local.lambda_ import launch
from scripts.local.lambda_.code import unpack
from scripts.local.lambda_.invocation import Result
from scripts.local.lambda_.runtime import Lambda
from tests.support.eventually import eventually
from tests.unit.scripts.local.conftest import function

Serve = Callable[..., str]

COUNT_CALLS = """
import os
CALLS = []
def handler(event, context):
    CALLS.append(1)
    return {"pid": os.getpid(), "calls": len(CALLS)}
"""

TIMEOUT_S = 60
"""After so long a test fails instead of waiting for ever."""


def test_an_idle_environment_is_used_again_with_its_memory(serve_functions: Serve, client: requests.Session):
    url = serve_functions(count=COUNT_CALLS)

    first, second = (client.get(f"{url}/count").json() for _ in range(2))

    assert second == {"pid": first["pid"], "calls": 2}


def test_each_concurrent_invocation_has_a_process_of_its_own(serve_functions: Serve):
    # No invocation returns before three processes have one each.
    url = serve_functions(
        wait="""
import os, pathlib, time
FOLDER = pathlib.Path(__file__).parent
def handler(event, context):
    (FOLDER / f"{os.getpid()}.pid").touch()
    while len(list(FOLDER.glob("*.pid"))) < 3:
        time.sleep(0.01)
    return os.getpid()
"""
    )

    with ThreadPoolExecutor() as threads:
        pids = set(threads.map(lambda _: requests.get(f"{url}/wait", timeout=TIMEOUT_S).text, range(3)))

    assert len(pids) == 3


def test_an_invocation_that_arrives_as_another_process_becomes_ready_has_one_of_its_own(tmp_path: Path):
    (tmp_path / "handler.py").write_text("""
import os, pathlib, time
SECOND_RETURNED = pathlib.Path(__file__).with_name("second_returned")
def handler(event, context):
    while event == "first" and not SECOND_RETURNED.exists():
        time.sleep(0.01)
    return os.getpid()
""")
    second_results = []

    async def sleep(seconds: float) -> None:
        """Invoke again as soon as the first invocation's time begins, which is when its process is ready."""
        if seconds == 3 and not second_results:
            second_results.append(None)
            second_results[0] = await lambda_.invoke("wait", b'"second"')
            (tmp_path / "second_returned").touch()
        await asyncio.Event().wait()

    async def invoke() -> Result:
        try:
            return await asyncio.wait_for(lambda_.invoke("wait", b'"first"'), TIMEOUT_S)
        finally:
            await lambda_.stop()

    lambda_ = Lambda(tmp_path / "work", sleep=sleep)
    lambda_.add("wait", function("wait", timeout=3), tmp_path)
    first = asyncio.run(invoke())

    assert first.error is None
    assert first.payload != second_results[0].payload


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("raises", "raise ValueError('no')"),
        ("exits", "import sys; sys.exit(3)"),
        ("crashes", "import os; os.kill(os.getpid(), 11)"),
        ("leaves", "import os; os._exit(0)"),
        ("returns_no_status", "return {'statusCode': 'fine'}"),
        ("returns_what_is_not_json", "return object()"),
    ],
)
def test_a_fault_is_an_internal_server_error_and_the_next_request_works(
    serve_functions: Serve, client: requests.Session, name: str, body: str
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
    url = serve_functions(**{name: source})

    failed, next_one = client.get(f"{url}/{name}"), client.get(f"{url}/{name}")

    assert (failed.status_code, failed.json()) == (500, {"message": "Internal Server Error"})
    assert (next_one.status_code, next_one.text) == (200, "well")


def test_a_function_that_exceeds_its_timeout_is_killed_and_the_next_request_works(
    serve_functions: Serve, client: requests.Session, tmp_path: Path
):
    source = """
import os, pathlib, time
PID = pathlib.Path(__file__).with_name("pid")
def handler(event, context):
    if PID.exists():
        return "well"
    PID.with_suffix(".new").write_text(str(os.getpid()))
    PID.with_suffix(".new").rename(PID)
    while True:
        time.sleep(1)
"""
    pid, limits = tmp_path / "hangs" / "pid", []

    async def sleep(seconds: float) -> None:
        """Let the first limit of 3 seconds expire once the function hangs, and no other limit."""
        limits.append(seconds)
        if limits.count(3) == 1 and seconds == 3:
            await asyncio.to_thread(eventually, pid.exists)
        else:
            await asyncio.Event().wait()

    url = serve_functions(hangs=source, timeout=3, sleep=sleep)

    failed, next_one = client.get(f"{url}/hangs"), client.get(f"{url}/hangs")

    assert (failed.status_code, failed.json()) == (500, {"message": "Internal Server Error"})
    assert next_one.text == "well"
    assert "Task timed out after 3.00 seconds" in (tmp_path / "work/logs/hangs.log").read_text()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


@pytest.mark.parametrize(
    "source", ["raise RuntimeError('no settings')", "import nothing_of_this_name", "exit(1)"]
)
def test_a_function_that_cannot_start_is_an_internal_server_error(
    serve_functions: Serve, client: requests.Session, source: str
):
    url = serve_functions(broken=source)

    responses = [client.get(f"{url}/broken") for _ in range(2)]

    assert [response.status_code for response in responses] == [500, 500]


def test_a_function_has_lambdas_variables_and_none_of_the_developer(
    serve_functions: Serve, client: requests.Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    url = serve_functions(look=source, timeout=3_600)

    environment = client.get(f"{url}/look").json()

    assert environment["COLOUR"] == "green"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "look"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "128"
    assert environment["LAMBDA_TASK_ROOT"] == environment["cwd"] == str(tmp_path / "look")
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert environment["arn"].endswith(":function:look")
    assert 3_000_000 < environment["left"] <= 3_600_000
    assert len(environment["id"]) == 36
    assert not {"DEVELOPERS_SECRET", "HOME", "VIRTUAL_ENV"} & environment.keys()


def test_more_invocations_than_reserved_concurrency_are_service_unavailable(
    serve_functions: Serve, client: requests.Session, tmp_path: Path
):
    source = """
import pathlib, time
FOLDER = pathlib.Path(__file__).parent
def handler(event, context):
    (FOLDER / "started").touch()
    while not (FOLDER / "may_end").exists():
        time.sleep(0.01)
    return 1
"""
    url = serve_functions(one=source, reserved=1)

    with ThreadPoolExecutor() as threads:
        first = threads.submit(requests.get, f"{url}/one", timeout=TIMEOUT_S)
        eventually(lambda: (tmp_path / "one/started").exists())
        others = [client.get(f"{url}/one") for _ in range(2)]
        (tmp_path / "one/may_end").touch()

    assert [(other.status_code, other.text) for other in others] == [
        (503, '{"message":"Service Unavailable"}')
    ] * 2
    assert (first.result().status_code, first.result().text) == (200, "1")


def test_a_response_above_the_limit_of_lambda_is_an_internal_server_error(
    serve_functions: Serve, client: requests.Session
):
    url = serve_functions(long="def handler(event, context):\n    return 'x' * 7_000_000")

    responses = [client.get(f"{url}/long") for _ in range(2)]

    assert [response.status_code for response in responses] == [500, 500]


def test_stopping_ends_functions_that_still_run(
    serve_functions: Serve, tmp_path: Path, running: contextlib.ExitStack
):
    source = """
import os, pathlib, subprocess, time
PIDS = pathlib.Path(__file__).with_name("pids")
def handler(event, context):
    child = subprocess.Popen(["sleep", "600"])
    PIDS.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    PIDS.with_suffix(".new").rename(PIDS)
    time.sleep(600)
"""
    url, pids = serve_functions(endless=source), tmp_path / "endless/pids"

    with ThreadPoolExecutor() as threads:
        request = threads.submit(requests.get, f"{url}/endless", timeout=TIMEOUT_S)
        eventually(lambda: pids.exists() or request.done())
        running.close()

    # The kernel removes killed processes a moment later.
    eventually(lambda: not any(_runs(pid) for pid in pids.read_text().split()))


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_function_prints_is_in_its_log(
    serve_functions: Serve, client: requests.Session, tmp_path: Path
):
    url = serve_functions(
        prints="def handler(event, context):\n    print('hello')\n    raise ValueError('oh')"
    )

    client.get(f"{url}/prints")

    log = (tmp_path / "work" / "logs" / "prints.log").read_text()
    assert "hello" in log
    assert "ValueError" in log


def test_a_zip_is_unpacked_once_and_read_only(tmp_path: Path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("functions/a/handler.py", "x = 1")

    first = unpack(packed.getvalue(), tmp_path)
    second = unpack(packed.getvalue(), tmp_path)

    assert first == second
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    assert (first / "functions/a/handler.py").stat().st_mode & 0o222 == 0


@pytest.mark.parametrize(
    ("built_for", "message"),
    [
        ({"runtime": "python2.7"}, r"old is built for python2\.7 on "),
        (
            {"architecture": "mips"},
            r"old is built for python3\.\d+ on mips; python3\.\d+ on \w+ runs here",
        ),
    ],
)
def test_a_function_for_another_machine_is_refused_before_anything_starts(
    tmp_path: Path, built_for: dict[str, str], message: str
):
    with pytest.raises(launch.WrongRuntime, match=message):
        Lambda(tmp_path).add("old", function("old", **built_for), tmp_path)
