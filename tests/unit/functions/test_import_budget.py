"""What each function imports at start, from its zip: whoever adds to it sees here what it costs."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from scripts.build import package, targets
from scripts.build.targets import Target
from tests.support import handlers

EVERYWHERE = {
    "shared.events.api_gateway", "shared.errors", "shared.sessions.session", "shared.settings",
    "shared.aws.metrics",
}  # fmt: skip
SESSIONS = {
    "shared.aws.errors", "shared.aws.dynamodb", "shared.aws.items", "shared.aws.sessions_table",
    "shared.sessions.ids", "shared.sessions.service", "shared.wiring",
}  # fmt: skip
HTTP = {"shared.events.http_api", "shared.sessions.list", "shared.sessions.views"}
LIMITS = {"shared.aws.rate_limits_table", "shared.rate_limits", "shared.wiring_limits"}
CONNECTIONS = {
    "shared.aws.connections_table", "shared.audience.join", "shared.audience.connection",
    "shared.wiring_connections",
}  # fmt: skip
STREAMS = {
    "shared.aws.listener_counts", "shared.audience.listener_counter", "shared.audience.messages",
    "shared.audience.notifier", "shared.aws.management_api", "shared.events.table_stream",
    "shared.wiring_streams",
}  # fmt: skip
LISTING = {
    "shared.aws.errors", "shared.aws.dynamodb", "shared.aws.items", "shared.aws.speaker_index",
    "shared.aws.sessions_table", "shared.sessions.cursors", "shared.sessions.ids", "shared.sessions.service",
    "shared.wiring_listing",
}  # fmt: skip
BODY, WEBSOCKET = {"shared.sessions.requests"}, {"shared.events.websocket_api"}
OWN = {
    "authorize_connection": WEBSOCKET | {"shared.aws.cognito", "shared.wiring_tokens"},
    "connect_session": SESSIONS | CONNECTIONS | LIMITS | WEBSOCKET,
    "connections_changed": SESSIONS | CONNECTIONS | STREAMS,
    "create_session": SESSIONS | HTTP | LIMITS | BODY,
    "delete_session": SESSIONS | HTTP,
    "disconnect_session": SESSIONS | CONNECTIONS | WEBSOCKET,
    "get_session": SESSIONS | HTTP,
    "health": SESSIONS | HTTP,
    "list_sessions": HTTP | LISTING,
    "session_changed": SESSIONS | CONNECTIONS | STREAMS,
    "update_session": SESSIONS | HTTP | BODY,
}
SDK = {"botocore", "dateutil", "jmespath", "six", "urllib3"}
PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
SIGNATURES = {"_cffi_backend", "_openssl", "cryptography", "jwt"}
# Top-level names that Lambda's runtime client has not loaded yet. Nearly all are the SDK's.
STANDARD_LIBRARY = {
    "array", "ast", "base64", "binascii", "bisect", "bz2", "calendar", "concurrent", "configparser",
    "contextvars", "copy", "dataclasses", "datetime", "dis", "email", "errno", "fcntl", "fnmatch", "gc",
    "getpass", "gzip", "hashlib", "heapq", "hmac", "http", "importlib", "inspect", "ipaddress", "locale",
    "lzma", "mimetypes", "ntpath", "opcode", "pathlib", "platform", "pyexpat", "queue", "quopri",
    "random", "secrets", "select", "selectors", "shlex", "shutil", "signal", "socket", "ssl", "struct",
    "subprocess", "tempfile", "termios", "typing", "urllib", "uuid", "xml", "zlib",
}  # fmt: skip
ONLY_OF_THE_SDK = {
    "concurrent", "configparser", "contextvars", "fcntl", "getpass", "gzip", "heapq", "mimetypes", "ntpath",
    "pathlib", "platform", "pyexpat", "queue", "secrets", "shlex", "signal", "subprocess", "termios", "uuid",
    "xml",
}  # fmt: skip
ONLY_OF_PYDANTIC = {"fractions"}
# Loaded before or after the runtime client, as the Python version will have it.
NOT_OURS = {"glob", "grp", "pwd"}

SETTINGS = {
    **handlers.SETTINGS, "VERSION": "0.1.0", "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}  # fmt: skip
# The runtime client lies with the tools of development, which must not hide what a zip lacks.
START = """
import importlib, json, sys
task_root, site_packages, module = sys.argv[1:]
sys.path.append(site_packages)
import awslambdaric.bootstrap
sys.path.remove(site_packages)
sys.path.insert(0, task_root)
before = set(sys.modules)
importlib.import_module(module)
loaded = sorted(set(sys.modules) - before)
import gc
print(json.dumps({"modules": loaded, "collecting": gc.isenabled(), "frozen": gc.get_freeze_count()}))
"""


class Started:
    """What a start of a function has loaded, and what it cost."""

    def __init__(self, output: str, import_times: str) -> None:
        told = json.loads(output)
        self.collecting: bool = told["collecting"]
        self.frozen: int = told["frozen"]
        self._modules: list[str] = told["modules"]
        # -X importtime: "import time: self [us] | cumulative | imported package"; a first child comes before.
        lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)", import_times)
        self._milliseconds = {name: int(cumulative) / 1000 for _, cumulative, name in lines}

    @classmethod
    def of(cls, function: str, task_root: Path) -> Self:
        ran = subprocess.run(
            [sys.executable, "-s", "-S", "-P", "-B", "-X", "importtime", "-c", START, task_root,
             sysconfig.get_path("platlib"), f"functions.{function}.handler"],
            env=SETTINGS, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return cls(ran.stdout, ran.stderr)

    def own(self) -> set[str]:
        """Our modules, but for packages and the door itself."""
        packages = {name.rpartition(".")[0] for name in self._modules}
        return {name for name in self._modules if name.startswith("shared.") and name not in packages}

    def third_party(self) -> set[str]:
        tops = {name.split(".")[0] for name in self._modules}
        return {name for name in tops - sys.stdlib_module_names if name not in ("functions", "shared")}

    def standard_library(self) -> set[str]:
        """Without what begins with an underscore, which is Python's own business."""
        tops = {name.split(".")[0] for name in self._modules}
        return {name for name in tops & sys.stdlib_module_names - NOT_OURS if not name.startswith("_")}

    def costs(self, names: set[str]) -> str:
        """The names, the dearest first, with the milliseconds that their import took."""
        told = {name: self._milliseconds.get(name, 0.0) for name in names}
        return ", ".join(f"{name} ({told[name]:.1f} ms)" for name in sorted(told, key=told.get, reverse=True))


@pytest.fixture(scope="module")
def task_roots(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Every zip, as it is built from this tree, unpacked."""
    folder = tmp_path_factory.mktemp("dist")
    package.build(Target(targets.running_python(), "x86_64"), folder)
    for name in OWN:
        zipfile.ZipFile(folder / f"{name}.zip").extractall(folder / name)
    return {name: folder / name for name in OWN}


def third_party_of(function: str) -> set[str]:
    if function == "authorize_connection":
        return SIGNATURES
    return SDK | PYDANTIC if OWN[function] & BODY else SDK


def standard_library_of(function: str) -> set[str]:
    if function == "authorize_connection":
        return STANDARD_LIBRARY - ONLY_OF_THE_SDK
    return STANDARD_LIBRARY | ONLY_OF_PYDANTIC if OWN[function] & BODY else STANDARD_LIBRARY


@pytest.mark.parametrize("function", OWN)
def test_a_function_loads_what_it_is_budgeted_for_and_no_more(task_roots: Mapping[str, Path], function: str):
    started = Started.of(function, task_roots[function])

    for loaded, budget in (
        (started.own(), EVERYWHERE | OWN[function]),
        (started.third_party(), third_party_of(function)),
        (started.standard_library(), standard_library_of(function)),
    ):
        assert not loaded - budget, f"{function} now loads {started.costs(loaded - budget)}"
        assert not budget - loaded, f"{function} no longer loads {sorted(budget - loaded)}: take it out here"


def test_every_function_has_a_budget():
    assert OWN.keys() == {path.parent.name for path in (package.ROOT / "functions").glob("*/handler.py")}


@pytest.mark.parametrize("function", OWN)
def test_garbage_is_collected_again_once_a_function_has_started(
    task_roots: Mapping[str, Path], function: str
):
    started = Started.of(function, task_roots[function])

    assert started.collecting
    assert started.frozen > 10_000


def test_an_import_that_nobody_budgeted_is_told_with_its_cost(task_roots: Mapping[str, Path], tmp_path: Path):
    task_root = tmp_path / "health"
    shutil.copytree(task_roots["health"], task_root, ignore=shutil.ignore_patterns("handler.*.pyc"))
    door = task_root / "functions" / "health" / "handler.py"
    door.write_text("import sqlite3\n" + door.read_text())

    started = Started.of("health", task_root)

    unexpected = started.standard_library() - STANDARD_LIBRARY
    assert re.fullmatch(r"sqlite3 \(\d+\.\d ms\)", started.costs(unexpected))
