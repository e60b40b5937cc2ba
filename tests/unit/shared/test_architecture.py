"""The dependency rules of functions/ and shared/, read from the imports of every module."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.project import ROOT
from tests.support.handlers import SETTINGS
from tests.support.imports import cycle, imports_of, module_name

HANDLERS = sorted(ROOT.glob("functions/*/handler.py"))
MODULES = sorted(path for path in ROOT.glob("shared/**/*.py") if path.name != "__init__.py")
SOURCES = [*HANDLERS, *MODULES]

# Which folders of shared/ each folder may import; "root" has the modules directly in shared/.
ALLOWED = {
    "root": {"root"},
    "sessions": {"root", "sessions"},
    "audience": {"root", "sessions", "audience"},
    "captions": {"root", "sessions", "audience", "captions"},
    "audio": {"root", "sessions", "audience", "audio"},
    "events": {"root", "sessions", "audience", "captions", "events"},
    "aws": {"root", "sessions", "audience", "captions", "audio", "aws"},
}
# Which third-party packages may be imported where, by folder or module.
THIRD_PARTY = {"aws": {"botocore", "jwt"}, "shared.sessions.requests": {"pydantic"}}


def folder(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "root"


def project_imports(path: Path, *, type_checking: bool = True) -> set[str]:
    imports = imports_of(path, type_checking=type_checking)
    return {module for module in imports if module.split(".")[0] in ("shared", "functions")}


def test_every_folder_has_a_rule():
    assert {folder(module_name(path)) for path in MODULES} == ALLOWED.keys()


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_what_its_folder_may_import(path: Path):
    allowed = ALLOWED[folder(module_name(path))]

    forbidden = {
        module
        for module in project_imports(path)
        if module.startswith("functions") or folder(module) not in allowed
    }

    assert forbidden == set()


def test_imports_form_no_circle():
    graph = {module_name(path): project_imports(path, type_checking=False) for path in SOURCES}

    assert cycle(graph) == []


def test_package_files_are_empty():
    assert [path for path in ROOT.glob("shared/**/__init__.py") if path.read_text()] == []


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_third_party_packages_are_imported_only_where_they_may_be(path: Path):
    module = module_name(path)
    allowed = THIRD_PARTY.get(module, THIRD_PARTY.get(folder(module), set()))

    packages = {imported.split(".")[0] for imported in imports_of(path, type_checking=False)}

    assert packages - sys.stdlib_module_names - {"shared"} <= allowed


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if folder(module_name(path)) in ("sessions", "audience", "captions", "audio")],
    ids=module_name,
)
def test_the_domain_reads_neither_clock_nor_environment_nor_network(path: Path):
    assert not imports_of(path) & {"os", "time", "datetime", "random", "http", "urllib", "socket"}


def test_only_settings_and_the_endpoint_of_cognito_come_from_the_environment():
    assert [module_name(path) for path in SOURCES if "os" in imports_of(path)] == [
        "shared.aws.cognito",
        "shared.settings",
    ]


@pytest.mark.parametrize("path", HANDLERS, ids=module_name)
def test_a_handler_is_one_short_function_without_branches_and_error_handling(path: Path):
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]

    assert [(function.name, len(function.decorator_list)) for function in functions] == [("handler", 1)]
    assert len(functions[0].body) <= 5
    assert not any(isinstance(node, ast.Try | ast.If | ast.For | ast.While) for node in ast.walk(tree))


@pytest.mark.parametrize("path", HANDLERS, ids=module_name)
def test_a_handler_pauses_garbage_collection_before_all_other_imports(path: Path):
    lines = path.read_text().splitlines()
    first_import = next(line for line in lines if line.startswith("from shared"))

    assert first_import.startswith("from shared import ")
    assert "startup" in first_import
    assert lines.count("startup.finish_init()") == 1


def test_only_the_endpoint_catches_every_exception():
    catching = [
        module_name(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]

    assert catching == ["shared.events.api_gateway"]


@pytest.mark.parametrize(
    "function",
    [
        *("get_session", "delete_session", "health"),
        *("publish_caption", "change_language", "join_session", "send_audio"),
    ],
)
def test_a_function_without_an_http_request_body_does_not_import_pydantic(function: str):
    program = f"import sys, functions.{function}.handler; print('pydantic' in sys.modules)"

    process = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "AWS_DEFAULT_REGION": "eu-west-1", **SETTINGS},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert process.stdout == "False\n"


def test_metrics_are_written_with_the_standard_library_only():
    imports = imports_of(ROOT / "shared" / "aws" / "metrics.py", type_checking=False)

    assert imports <= sys.stdlib_module_names | {"collections.abc"}
