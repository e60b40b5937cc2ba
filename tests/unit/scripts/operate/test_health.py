"""The health check, against real servers on this machine."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.operate import health

HEALTHY = {
    "status": "healthy",
    "service": "session-management-http-api",
    "environment": "dev",
    "version": "0.1.0+abc",
    "timestamp": 1_700_000_000_000,
    "responseTimeMs": 3,
}

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each GET by `answer`, and remembers the paths that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.answer: Answer = reply(HEALTHY)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.answer(self)

    def log_message(self, *_args: object) -> None:
        pass


def reply(body: object, status: int = 200, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_healthy_service_is_one_line_and_exit_code_0(server, capsys):
    code = health.main(["--url", server.url])

    line = capsys.readouterr().out
    assert code == 0
    assert line.startswith("healthy dev 0.1.0+abc ")
    assert line.endswith(f" ms {server.url}/health\n")
    assert line.count("\n") == 1


def test_json_is_one_object_with_the_same_facts(server, capsys):
    code = health.main(["--url", server.url, "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told["milliseconds"].keys() == {"p50", "p95", "p99"}
    del told["milliseconds"]
    assert told == {
        "status": "healthy", "url": f"{server.url}/health", "count": 1,
        "environment": "dev", "version": "0.1.0+abc", "reason": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "asked"), [("", "/health"), ("/", "/health"), ("/v1/health", "/v1/health")]
)
def test_a_url_without_a_path_gets_health(server, given, asked):
    health.main(["--url", server.url + given])

    assert server.paths == [asked]


@pytest.mark.parametrize(
    "answer",
    [
        reply({**HEALTHY, "status": "unhealthy"}, status=503),
        reply(HEALTHY, status=500),
        reply({**HEALTHY, "status": "unhealthy"}),
        reply({**HEALTHY, "service": "another"}),
        reply({**HEALTHY, "timestamp": "today"}),
        reply({"status": "healthy"}),
        reply([HEALTHY]),
        reply(None),
        reply(b"<html>It works!</html>"),
        reply(b""),
        reply(b"\xff\xfe"),
        reply(HEALTHY, status=302, Location="/health"),
        lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}"),
        lambda request: request.wfile.write(b"garbage\r\n\r\n"),
        lambda request: None,
    ],
    ids=[
        "503 unhealthy", "500", "200 unhealthy", "another service", "wrong type", "fields missing", "list",
        "null", "HTML", "empty", "not UTF-8", "redirect", "cut short", "not HTTP", "hung up",
    ],
)  # fmt: skip
def test_any_other_answer_is_unhealthy_and_exit_code_1(server, capsys, answer):
    server.answer = answer

    code = health.main(["--url", server.url])

    assert code == 1
    assert capsys.readouterr().out.startswith("unhealthy ")


def test_a_redirect_is_not_followed(server):
    server.answer = reply(HEALTHY, status=301, Location=f"{server.url}/elsewhere")

    health.main(["--url", server.url])

    assert server.paths == ["/health"]


def test_a_server_that_drips_is_cut_off_at_the_time_limit(server, capsys):
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for _ in range(60):
            time.sleep(0.05)
            try:
                request.wfile.write(b" ")
            except OSError:
                return

    server.answer = drip
    started = time.monotonic()

    code = health.main(["--url", server.url, "--timeout", "0.3"])

    assert code == 2
    assert time.monotonic() - started < 2
    assert "in time" in capsys.readouterr().out


def test_a_refused_connection_is_unreachable(capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    code = health.main(["--url", f"http://127.0.0.1:{port}"])

    assert code == 2
    assert capsys.readouterr().out.startswith("unreachable - - ")


def test_a_server_that_does_not_speak_tls_is_unreachable_by_https(server, capsys):
    code = health.main(["--url", server.url.replace("http:", "https:")])

    assert code == 2
    told = capsys.readouterr().out
    assert told.startswith("unreachable ")
    assert "ssl" in told.lower()


def test_a_name_that_does_not_exist_is_unreachable():
    assert health.main(["--url", "http://no-such-host.invalid"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", ""],
        ["--url", "ftp://127.0.0.1/"],
        ["--url", "127.0.0.1:8080"],
        ["--url", "http://"],
        ["--url", "http://127.0.0.1:99999"],
        ["--url", "http://[::1"],
        ["--url", "http://127.0.0.1", "--env", "dev"],
        ["--url", "http://127.0.0.1", "--count", "0"],
        ["--url", "http://127.0.0.1", "--count", "many"],
        ["--url", "http://127.0.0.1", "--timeout", "0"],
        ["--url", "http://127.0.0.1", "--timeout", "nan"],
        ["--env", "moon"],
        ["--env", "../dev"],
    ],
    ids=" ".join,
)
def test_misuse_is_a_sentence_and_exit_code_2(capsys, arguments):
    code = health.main(arguments)

    told = capsys.readouterr()
    assert code == 2
    assert told.err
    assert not told.out


def test_count_makes_that_many_requests_and_tells_percentiles(server, capsys):
    code = health.main(["--url", server.url, "--count", "20"])

    line = capsys.readouterr().out
    assert code == 0
    assert len(server.paths) == 20
    assert all(f"{name} " in line for name in ("p50", "p95", "p99"))


def test_the_worst_of_many_decides(server, capsys):
    answers = iter([reply(HEALTHY), reply({**HEALTHY, "status": "unhealthy"}, 503), reply(HEALTHY)])
    server.answer = lambda request: next(answers)(request)

    code = health.main(["--url", server.url, "--count", "3"])

    assert code == 1
    assert capsys.readouterr().out.startswith("unhealthy ")


def test_percentiles_are_values_that_were_measured():
    values = list(range(100, 0, -1))

    assert health.percentiles(values) == {"p50": 50, "p95": 95, "p99": 99}
    assert health.percentiles([7]) == {"p50": 7, "p95": 7, "p99": 7}


def test_an_environment_is_asked_at_its_endpoint(server, capsys):
    code = health.main(["--env", "dev"], find=lambda environment: f"{server.url}/{environment}")

    assert code == 0
    assert f"{server.url}/dev" in capsys.readouterr().out


def test_all_environments_are_one_table_and_the_worst_decides(server, capsys):
    server.answer = lambda request: (
        reply({**HEALTHY, "status": "unhealthy"}, 503) if request.path == "/prod" else reply(HEALTHY)
    )(request)

    def find(environment: str) -> str:
        if environment == "staging":
            raise health.Misuse("staging is not deployed.")
        return f"{server.url}/{environment}"

    code = health.main([], find=find)

    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 2
    assert table[0] == ["ENVIRONMENT", "STATUS", "VERSION", "TOOK"]
    assert table[1][:3] == ["dev", "healthy", "0.1.0+abc"]
    assert table[2] == ["staging", "unreachable", "-", "-", "staging", "is", "not", "deployed."]
    assert table[3][:3] == ["prod", "unhealthy", "0.1.0+abc"]
    assert "503," in table[3]


def test_all_environments_as_json_are_one_object(server, capsys):
    code = health.main(["--json"], find=lambda environment: f"{server.url}/{environment}")

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {name: answer["status"] for name, answer in told.items()} == {
        "dev": "healthy", "staging": "healthy", "prod": "healthy",
    }  # fmt: skip
