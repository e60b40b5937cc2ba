"""The zips: the same bytes everywhere, only what each function imports, and an SDK that still works."""

import functools
import hashlib
import io
import json
import marshal
import os
import shutil
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Required, TypedDict

import pytest

from scripts.build import bytecode, docstrings, imports, package, prune, targets
from scripts.build.errors import BuildError
from scripts.build.targets import Target
from tests.support import handlers

FUNCTIONS = sorted(handler.parent.name for handler in (package.ROOT / "functions").glob("*/handler.py"))
WITH_SDK = [name for name in FUNCTIONS if name != "authorize_connection"]
WITH_PYDANTIC = ("create_session", "update_session")
SETTINGS = {
    **handlers.SETTINGS,
    "VERSION": "0.1.0",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
}


def copy_of_the_repository(folder: Path, *, only: str = "*") -> Path:
    """Copy what a build of all functions, or of one, reads; share the wheels that were fetched already."""
    ignored = shutil.ignore_patterns("__pycache__", "local")
    for name in ("functions", "shared", "scripts", "requirements"):
        shutil.copytree(package.ROOT / name, folder / name, ignore=ignored)
    for handler in set(folder.glob("functions/*/handler.py")) - set(
        folder.glob(f"functions/{only}/handler.py")
    ):
        shutil.rmtree(handler.parent)
    shutil.copy(package.ROOT / "pyproject.toml", folder)
    wheels = package.ROOT / "build" / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    (folder / "build").mkdir()
    (folder / "build" / "wheels").symlink_to(wheels)
    return folder


def run_package(
    root: Path, *arguments: str, umask: int = 0o022, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.build.package", *arguments],
        cwd=root, env={**os.environ, **env}, umask=umask, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with its zips built."""
    root = copy_of_the_repository(tmp_path_factory.mktemp("one") / "repository")
    built = run_package(root)
    assert built.returncode == 0, built.stderr
    return root


@pytest.fixture(scope="module")
def zips(repository: Path) -> Mapping[str, zipfile.ZipFile]:
    return {name: zipfile.ZipFile(repository / "dist" / f"{name}.zip") for name in FUNCTIONS}


# What is the same everywhere


def test_clock_umask_path_locale_time_zone_and_hash_seed_do_not_change_a_byte(repository, tmp_path):
    elsewhere = copy_of_the_repository(tmp_path / "another place" / "far away")
    for file in elsewhere.rglob("*.py"):
        os.utime(file, (2_000_000_000, 2_000_000_000))
        file.chmod(0o600)

    built = run_package(
        elsewhere, umask=0o077, TZ="Pacific/Kiritimati", PYTHONHASHSEED="7", LC_ALL="C", USER="x"
    )

    assert built.returncode == 0, built.stderr
    for name in FUNCTIONS:
        file = f"dist/{name}.zip"
        assert (elsewhere / file).read_bytes() == (repository / file).read_bytes(), name


def test_byte_code_names_the_path_in_lambda_and_is_never_checked_against_its_source():
    compiled = bytecode.compile_all(Path(sys.executable), {"shared/x.py": b"def f(): pass\n"}, columns=True)[
        "shared/x.py"
    ]

    code = marshal.loads(compiled[16:])
    assert struct.unpack("<I", compiled[4:8])[0] == 1  # PEP 552: by hash, unchecked
    assert code.co_filename == "/var/task/shared/x.py"


def test_a_source_that_does_not_compile_is_one_sentence():
    with pytest.raises(BuildError, match=r"SyntaxError"):
        bytecode.compile_all(Path(sys.executable), {"shared/x.py": b"def f(:\n"}, columns=True)


def test_every_file_in_a_zip_has_one_time_and_one_mode():
    made = package.zipped({"b": b"2", "a": b"1"})

    entries = zipfile.ZipFile(io.BytesIO(made)).infolist()
    assert [entry.filename for entry in entries] == ["a", "b"]
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }


# What is inside


@pytest.mark.parametrize("name", FUNCTIONS)
def test_pydantic_is_only_where_it_is_imported(zips, name):
    tops = {file.split("/")[0] for file in zips[name].namelist()}

    assert ("pydantic" in tops) is (name in WITH_PYDANTIC)
    assert ("botocore" in tops) is (name in WITH_SDK)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_our_own_sources_lie_as_in_the_repository_each_with_its_byte_code(zips, name):
    files = set(zips[name].namelist())

    ours = {file for file in files if file.split("/")[0] in ("functions", "shared")}
    sources = {file for file in ours if file.endswith(".py")}
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    assert f"functions/{name}/handler.py" in sources
    assert {file.split("/")[1] for file in sources if file.startswith("functions/")} == {name}
    assert ours - sources == {
        f"{Path(file).parent.as_posix()}/__pycache__/{Path(file).stem}.{tag}.pyc" for file in sources
    }
    for file in sources:
        assert zips[name].read(file) == (package.ROOT / file).read_bytes()


@pytest.mark.parametrize("name", WITH_SDK)
def test_the_sdk_knows_our_services_alone_and_every_package_brings_its_licence(zips, name):
    files = zips[name].namelist()

    data = {file.split("/")[2] for file in files if file.startswith("botocore/data/")}
    licensed = {file.split("/")[1] for file in files if file.startswith("licenses/")}
    assert {folder for folder in data if "." not in folder} == set(prune.OPERATIONS)
    assert {"botocore", "urllib3", "jmespath", "python-dateutil", "six"} <= licensed
    assert not [file for file in files if file.endswith((".pyi", ".dist-info/METADATA"))]


def test_sizes_are_within_their_limits(repository):
    for name in FUNCTIONS:
        limit = 4_000_000 if name in WITH_PYDANTIC else 1_500_000 if name in WITH_SDK else 6_000_000
        assert (repository / "dist" / f"{name}.zip").stat().st_size <= limit, name


def test_the_manifest_describes_every_zip(repository):
    manifest = json.loads((repository / "dist" / "manifest.json").read_text())

    assert manifest["version"] == "0.1.0+unknown"  # the copy is no git repository
    assert manifest["commit"] == "unknown"
    assert manifest["runtime"] == f"python{targets.running_python()}"
    assert manifest["architecture"] == "x86_64"
    assert manifest["functions"].keys() == set(FUNCTIONS)
    for name, described in manifest["functions"].items():
        content = (repository / "dist" / described["file"]).read_bytes()
        assert described == {
            "file": f"{name}.zip",
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }


def test_the_version_names_the_commit_and_whether_files_differ_from_it(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git = ["git", "-C", tmp_path, "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout

    clean = package.version(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.4"\n')
    dirty = package.version(tmp_path)

    assert clean == f"1.2.3+{commit[:12]}"
    assert dirty == f"1.2.4+{commit[:12]}.dirty"


def test_arm64_holds_arm64_binaries(tmp_path):
    root = copy_of_the_repository(tmp_path / "repository", only="create_session")

    built = run_package(root, "--arch", "arm64", "--out", str(tmp_path))

    assert built.returncode == 0, built.stderr
    archive = zipfile.ZipFile(tmp_path / "create_session.zip")
    libraries = [file for file in archive.namelist() if ".so" in file]
    assert libraries
    assert {struct.unpack_from("<H", archive.read(file), 18)[0] for file in libraries} == {183}
    assert json.loads((tmp_path / "manifest.json").read_text())["architecture"] == "arm64"


# What the pruned SDK still does


class _DynamoDB(BaseHTTPRequestHandler):
    """Answers GetItem with a row and refuses every other write by its condition."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        read = self.headers["X-Amz-Target"].endswith(".GetItem")
        kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
        row = {"Item": {"sessionId": {"S": "pure-hope-123"}}}
        body = json.dumps(
            row if read else {"__type": kind, "message": "The conditional request failed"}
        ).encode()
        self.send_response(200 if read else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture(scope="module")
def dynamodb_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _DynamoDB) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


IPV6 = ("[::]", "[::1]", "[1::]", "[fe80::1]", "[2001:db8:0:1:2:3:4:5]", "[::ffff:192.0.2.1]")
NAMES = ("dynamodb.eu-west-1.amazonaws.com", "dead.beef", "localhost", "cafe")
PROBE = """
import importlib, json, ssl, sys
name, url, task_root, *addresses = sys.argv[1:]
sys.path[:0] = [task_root]
importlib.import_module(f"functions.{name}.handler").handler
import botocore.session
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import get_cert_path

session = botocore.session.Session()
client = session.create_client("dynamodb", endpoint_url=url)
item = client.get_item(TableName="t", Key={"sessionId": {"S": "x"}})["Item"]
try:
    client.put_item(TableName="t", Item={"sessionId": {"S": "x"}}, ConditionExpression="false")
except ClientError as error:
    code = error.response["Error"]["Code"]
    typed = isinstance(error, client.exceptions.ConditionalCheckFailedException)
from urllib3.util.ssl_ import is_ipaddress
from urllib3.util.url import parse_url

context = ssl.create_default_context(cafile=get_cert_path(True))
hosts = {
    region: session.create_client("dynamodb", region_name=region).meta.endpoint_url
    for region in ("eu-west-1", "us-gov-west-1", "cn-north-1")
}
outside = [
    module.__file__ for module in sys.modules.values()
    if "site-packages" in (getattr(module, "__file__", None) or "")
]
print(json.dumps({
    "item": item, "code": code, "typed": typed, "hosts": hosts, "outside": outside,
    "operations": sorted(client.meta.method_to_api_mapping.values()),
    "addresses": {
        one: [parse_url("http://" + one + ":80/").host, is_ipaddress(one.strip("[]"))] for one in addresses
    },
    "roots": sorted(value for ca in context.get_ca_certs() for part in ca["subject"] for key, value in part
                    if key == "commonName"),
}))
"""


@pytest.mark.parametrize("name", WITH_SDK)
def test_each_zip_alone_talks_to_dynamodb_and_writes_nothing_beside_itself(
    zips, name, dynamodb_url, tmp_path
):
    task_root = tmp_path / "task"
    zips[name].extractall(task_root)
    before = sorted(task_root.rglob("*"))
    for path in (task_root, *before):
        path.chmod(0o555 if path.is_dir() else 0o444)

    probed = subprocess.run(
        [sys.executable, "-s", "-S", "-P", "-c", PROBE, name, dynamodb_url, str(task_root), *IPV6, *NAMES],
        env=SETTINGS, cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert probed.returncode == 0, probed.stderr
    told = json.loads(probed.stdout.splitlines()[-1])
    assert told["item"] == {"sessionId": {"S": "pure-hope-123"}}
    assert told["code"] == "ConditionalCheckFailedException"
    assert told["typed"] is True
    assert told["roots"] == sorted(prune.ROOT_CERTIFICATES)
    assert told["outside"] == []
    assert told["operations"] == sorted(prune.OPERATIONS["dynamodb"])
    assert told["addresses"] == {
        **{one: [one, True] for one in IPV6},
        **{one: [one, False] for one in NAMES},
    }
    assert told["hosts"] == {
        "eu-west-1": "https://dynamodb.eu-west-1.amazonaws.com",
        "us-gov-west-1": "https://dynamodb.us-gov-west-1.amazonaws.com",
        "cn-north-1": "https://dynamodb.cn-north-1.amazonaws.com.cn",
    }
    for path in (task_root, *before):
        path.chmod(0o755)
    assert sorted(task_root.rglob("*")) == before


# Following imports


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    sources = {
        "functions/door/handler.py": "import json\nfrom shared import edge\nfrom shared.inner import rules\n",
        "shared/__init__.py": "",
        "shared/edge.py": (
            "from typing import TYPE_CHECKING\n"
            "from shared.inner.rules import RULE\n"
            "if TYPE_CHECKING:\n    import pydantic\n    from shared import unused\n"
            "else:\n    import jmespath\n"
        ),
        "shared/inner/rules.py": (
            "RULE = 1\ndef later():\n    from . import deep\n    import botocore.session\n"
        ),
        "shared/inner/deep.py": "from .. import sibling\n",
        "shared/sibling.py": "",
        "shared/unused.py": "import requests\n",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def test_imports_are_followed_through_our_own_modules_but_not_into_type_checking(tree):
    found = imports.needs(tree, "functions.door.handler")

    assert {file.as_posix() for file in found.files} == {
        "functions/door/handler.py", "shared/__init__.py", "shared/edge.py", "shared/inner/rules.py",
        "shared/inner/deep.py", "shared/sibling.py",
    }  # fmt: skip
    assert found.third_party == {"jmespath", "botocore"}


def test_an_import_of_ours_that_is_not_there_is_told_with_its_line(tree):
    (tree / "shared" / "sibling.py").write_text("\nimport shared.nowhere\n")

    with pytest.raises(BuildError, match=r"shared/sibling\.py:2 imports shared\.nowhere"):
        imports.needs(tree, "functions.door.handler")


def test_a_package_that_is_not_pinned_is_told_by_name(repository, tmp_path):
    root = copy_of_the_repository(tmp_path / "repository")
    (root / "build" / "layers").symlink_to(repository / "build" / "layers")
    with (root / "shared" / "settings.py").open("a") as source:
        source.write("\nimport requests\n")

    built = run_package(root)

    assert built.returncode == 1
    assert built.stderr.startswith("requests is imported, but requirements/functions.txt")
    assert not (root / "dist").exists()


def test_a_call_of_an_operation_that_is_pruned_is_told_with_its_line(repository, tmp_path):
    root = copy_of_the_repository(tmp_path / "repository")
    (root / "build" / "layers").symlink_to(repository / "build" / "layers")
    (root / "shared" / "views.py").write_text("def rows(client):\n    return client.scan(TableName='t')\n")
    with (root / "shared" / "settings.py").open("a") as source:
        source.write("\nfrom shared import views\n")

    built = run_package(root)

    assert built.returncode == 1
    assert built.stderr.startswith("shared/views.py:2 calls scan, which the SDK in the zips does not know")


# What is refused


def test_a_zip_over_its_limit_fails_the_build_by_name_and_figure(repository, tmp_path, monkeypatch, capsys):
    root = copy_of_the_repository(tmp_path / "repository", only="health")
    (root / "build" / "layers").symlink_to(repository / "build" / "layers")
    monkeypatch.setitem(package.OTHER_LIMITS, "health", 1000)
    monkeypatch.setattr(package, "build", functools.partial(package.build, root=root))

    code = package.main(["--out", str(tmp_path / "dist")])

    assert code == 1
    assert "health.zip has " in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--python", "3.9"], "Python 3.9 is not supported; choose one of 3.11, 3.12, 3.13"),
        (["--arch", "mips"], "Architecture mips is not supported; choose one of x86_64, arm64"),
    ],
)
def test_an_unknown_target_is_refused_in_one_sentence(capsys, arguments, sentence):
    code = package.main(arguments)

    assert code == 1
    assert capsys.readouterr().err == sentence + "\n"


def test_a_python_that_is_not_installed_is_told_by_version(monkeypatch, tmp_path):
    missing = next(version for version in targets.GLIBC_MINOR if version != targets.running_python())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    with pytest.raises(BuildError, match=f"No Python {missing} found"):
        targets.interpreter(missing)


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.cpython-313-aarch64-linux-gnu.so", elf(62)),
        ("x.cpython-311-aarch64-linux-gnu.so", elf(183)),
        ("x.cpython-313-darwin.so", b"\xcf\xfa\xed\xfe" + bytes(20)),
    ],
    ids=["another processor", "another Python", "another system"],
)
def test_a_binary_that_the_runtime_cannot_load_fails_the_build(name, content):
    with pytest.raises(BuildError, match=r"is (not )?built for"):
        Target("3.13", "arm64").check_extension(name, content)


def test_a_ca_bundle_without_amazons_roots_fails_the_build():
    with pytest.raises(BuildError, match=r"lacks Amazon Root CA 1, .*Starfield"):
        prune.prune({"botocore/cacert.pem": b"# nothing\n"})


# What is left of third-party sources

DOCUMENTED = b'''"""What it is
for."""

from __future__ import annotations


class Field(TypedDict, total=False):
    """One."""

    name: Required[str]
    size: (
        int
    )


def double(x: int) -> int:
    """Twice
    as much."""
    assert x, "something"
    return 2 * x
'''


def run(source: bytes) -> tuple[str | None, type, Callable[[int], int]]:
    names: dict[str, Any] = {"TypedDict": TypedDict, "Required": Required, "__name__": "slim"}
    exec(compile(source, "slim.py", "exec"), names)
    return names.get("__doc__"), names["Field"], names["double"]


def test_docstrings_are_emptied_and_nothing_else_changes():
    module_doc, field, double = run(docstrings.strip_docstrings(DOCUMENTED))

    assert (module_doc, field.__doc__, double.__doc__) == ("", "-", "")
    assert field.__annotations__.keys() == {"name", "size"}
    assert double(3) == 6
    assert double.__code__.co_firstlineno == 16
    with pytest.raises(AssertionError, match="something"):
        double(0)
