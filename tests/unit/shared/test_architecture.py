"""The law of arrows: doors know the edge and the wiring, those know the domain, the domain knows itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOORS = sorted(Path("functions").glob("*/handler.py"))
DOMAIN = sorted(path for name in ("sessions", "audience") for path in Path("shared", name).glob("*.py"))
SOURCES = sorted([*DOORS, *Path("shared").rglob("*.py")])


def imports(path: Path) -> set[str]:
    """Return the modules that a file names, `from package import module` as package.module."""
    return set(_imports(ast.parse(path.read_text())))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            package = node.module or ""
            for name in node.names:
                module = Path(package.replace(".", "/"), f"{name.name}.py")
                yield f"{package}.{name.name}" if module.exists() else package


def test_these_are_all_the_doors():
    assert [path.parent.name for path in DOORS] == [
        "authorize_connection",
        "connect_session",
        "connections_changed",
        "create_session",
        "delete_session",
        "disconnect_session",
        "get_session",
        "health",
        "list_sessions",
        "session_changed",
        "update_session",
    ]


@pytest.mark.parametrize("door", DOORS, ids=lambda path: path.parent.name)
def test_a_door_imports_an_edge_its_wiring_and_the_domain_alone(door: Path):
    edges = {
        "shared.events.http_api",
        "shared.events.websocket_api",
        "shared.events.table_stream",
        "shared.settings",
    }
    ours = {name for name in imports(door) if name.startswith("shared") and name not in edges}

    assert imports(door) - ours - edges <= sys.stdlib_module_names
    assert all(name.startswith(("shared.wiring", "shared.sessions.", "shared.audience.")) for name in ours)


@pytest.mark.parametrize("door", DOORS, ids=lambda path: path.parent.name)
def test_a_door_is_short_and_catches_nothing(door: Path):
    text = door.read_text()

    assert len(text.splitlines()) <= 30
    assert not any(
        isinstance(node, ast.Try | ast.If | ast.For | ast.While) for node in ast.walk(ast.parse(text))
    )


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.stem)
def test_the_domain_imports_itself_and_the_standard_library_alone(path: Path):
    ours = ("shared.sessions.", "shared.audience.", "shared.errors")
    foreign = {name.split(".")[0] for name in imports(path) if not name.startswith(ours)}

    assert foreign - sys.stdlib_module_names == ({"pydantic"} if path.stem == "requests" else set())
    assert not foreign & {"os", "time", "datetime", "random", "http", "urllib", "socket"}


def test_only_the_tables_and_the_sockets_know_the_sdk():
    knowing = {path.as_posix() for path in SOURCES if any("boto" in name for name in imports(path))}

    assert all(name.startswith("shared/aws/") for name in knowing)


def test_only_settings_and_the_place_of_the_keys_come_from_the_environment():
    assert [path.name for path in SOURCES if "os" in imports(path)] == ["cognito.py", "settings.py"]


def test_nobody_imports_a_door():
    assert not [path for path in SOURCES if any(name.startswith("functions") for name in imports(path))]


def test_the_table_and_the_edge_do_not_know_each_other():
    edges = {"api_gateway", "http_api", "websocket_api"}
    for edge in edges:
        assert not any(
            "shared.aws.dynamodb" in name or "_table" in name
            for name in imports(Path(f"shared/events/{edge}.py"))
        )
    for table in Path("shared/aws").glob("*_table.py"):
        assert not imports(table) & {f"shared.events.{edge}" for edge in edges}


def test_one_place_alone_catches_every_exception():
    broad = [
        path.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]

    assert broad == ["api_gateway.py"]


@pytest.mark.parametrize("function", ["get_session", "delete_session", "health"])
def test_a_function_that_reads_no_body_starts_without_pydantic(function: str):
    program = f"import sys, functions.{function}.handler; print('pydantic' in sys.modules)"
    settings = {"ENV": "test", "SESSIONS_TABLE": "sessions", "VERSION": "0", "AWS_REGION": "eu-west-1"}

    started = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ".", "AWS_DEFAULT_REGION": "eu-west-1", **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert started.stdout == "False\n"


def test_a_metric_is_a_line_of_output_and_never_a_call_inside_the_request():
    assert imports(Path("shared/aws/metrics.py")) == {
        "collections.abc",
        "hashlib",
        "json",
        "logging",
        "shared.sessions.session",
        "sys",
        "time",
    }
