"""The health command, against HTTP servers on this machine."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts import health_check
from scripts.errors import PreconditionFailed
from scripts.operate import health

HEALTHY = {
    "status": "healthy",
    "service": "session-management-http-api",
    "environment": "dev",
    "version": "0.1.0+abc",
    "timestamp": 1_700_000_000_000,
    "responseTimeMs": 3,
}

Response = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Responds to each GET with `respond`, and records the requested paths."""

    daemon_threads = True

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.respond: Response = response(HEALTHY)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.respond(self)

    def log_message(self, *_args: object) -> None:
        pass


def response(body: object, status: int = 200, **headers: str) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return respond


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


def test_json_output_is_one_object_with_the_same_facts(server, capsys):
    code = health.main(["--url", server.url, "--json"])

    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert report["milliseconds"].keys() == {"p50", "p95", "p99"}
    del report["milliseconds"]
    assert report == {
        "status": "healthy", "url": f"{server.url}/health", "count": 1,
        "environment": "dev", "version": "0.1.0+abc", "reason": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "requested"), [("", "/health"), ("/", "/health"), ("/v1/health", "/v1/health")]
)
def test_health_is_added_to_a_url_without_a_path(server, path, requested):
    health.main(["--url", server.url + path])

    assert server.paths == [requested]


@pytest.mark.parametrize(
    "respond",
    [
        response({**HEALTHY, "status": "unhealthy"}, status=503),
        response(HEALTHY, status=500),
        response({**HEALTHY, "status": "unhealthy"}),
        response({**HEALTHY, "service": "another"}),
        response({**HEALTHY, "timestamp": "today"}),
        response({"status": "healthy"}),
        response([HEALTHY]),
        response(None),
        response(b"<html>It works!</html>"),
        response(b""),
        response(b"\xff\xfe"),
        response(HEALTHY, status=302, Location="/health"),
        lambda request: request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}"),
        lambda request: request.wfile.write(b"garbage\r\n\r\n"),
        lambda request: None,
    ],
    ids=[
        "503 unhealthy", "500", "200 unhealthy", "another service", "wrong type", "fields missing", "list",
        "null", "HTML", "empty", "not UTF-8", "redirect", "cut short", "not HTTP", "hung up",
    ],
)  # fmt: skip
def test_any_other_response_is_unhealthy_and_exit_code_1(server, capsys, respond):
    server.respond = respond

    code = health.main(["--url", server.url])

    assert code == 1
    assert capsys.readouterr().out.startswith("unhealthy ")


def test_a_redirect_is_not_followed(server):
    server.respond = response(HEALTHY, status=301, Location=f"{server.url}/elsewhere")

    health.main(["--url", server.url])

    assert server.paths == ["/health"]


def test_the_timeout_limits_a_slow_response_as_a_whole(server, capsys):
    def respond_slowly(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for _ in range(60):
            time.sleep(0.05)
            try:
                request.wfile.write(b" ")
            except OSError:
                return

    server.respond = respond_slowly
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
    line = capsys.readouterr().out
    assert line.startswith("unreachable ")
    assert "ssl" in line.lower()


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
def test_wrong_arguments_are_refused_with_a_message_and_exit_code_2(capsys, arguments):
    try:
        code = health.main(arguments)
    except SystemExit as exit_:  # argparse
        code = exit_.code

    output = capsys.readouterr()
    assert code == 2
    assert output.err
    assert not output.out


def test_count_makes_that_many_requests_and_prints_percentiles(server, capsys):
    code = health.main(["--url", server.url, "--count", "20"])

    line = capsys.readouterr().out
    assert code == 0
    assert len(server.paths) == 20
    assert all(f"{name} " in line for name in ("p50", "p95", "p99"))


def test_the_worst_of_several_requests_decides(server, capsys):
    responses = iter(
        [response(HEALTHY), response({**HEALTHY, "status": "unhealthy"}, 503), response(HEALTHY)]
    )
    server.respond = lambda request: next(responses)(request)

    code = health.main(["--url", server.url, "--count", "3"])

    assert code == 1
    assert capsys.readouterr().out.startswith("unhealthy ")


def test_percentiles_are_measured_values():
    values = list(range(100, 0, -1))

    assert health_check.percentiles(values) == {"p50": 50, "p95": 95, "p99": 99}
    assert health_check.percentiles([7]) == {"p50": 7, "p95": 7, "p99": 7}


def test_an_environment_is_checked_at_its_endpoint(server, capsys):
    code = health.main(["--env", "dev"], find_url=lambda environment: f"{server.url}/{environment}")

    assert code == 0
    assert f"{server.url}/dev" in capsys.readouterr().out


def test_all_environments_are_printed_as_a_table_and_the_worst_decides(server, capsys):
    server.respond = lambda request: (
        response({**HEALTHY, "status": "unhealthy"}, 503) if request.path == "/prod" else response(HEALTHY)
    )(request)

    def find_url(environment: str) -> str:
        if environment == "staging":
            raise PreconditionFailed("staging is not deployed.")
        return f"{server.url}/{environment}"

    code = health.main([], find_url=find_url)

    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert code == 2
    assert table[0] == ["ENVIRONMENT", "STATUS", "VERSION", "DURATION"]
    assert table[1][:3] == ["dev", "healthy", "0.1.0+abc"]
    assert table[2] == ["staging", "unreachable", "-", "-", "staging", "is", "not", "deployed."]
    assert table[3][:3] == ["prod", "unhealthy", "0.1.0+abc"]
    assert "503," in table[3]


def test_all_environments_are_printed_as_one_json_object(server, capsys):
    code = health.main(["--json"], find_url=lambda environment: f"{server.url}/{environment}")

    reports = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {name: report["status"] for name, report in reports.items()} == {
        "dev": "healthy", "staging": "healthy", "prod": "healthy",
    }  # fmt: skip
