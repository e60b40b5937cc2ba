"""The build: the same bytes everywhere, what its manifest says, and how it fails."""

import functools
import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from scripts.build import __main__ as command
from scripts.build import package, targets
from tests.support import builds


def append(path: Path, source: str) -> None:
    with path.open("a") as file:
        file.write(source)


# The same bytes


def test_clock_umask_path_locale_time_zone_and_hash_seed_do_not_change_a_byte(repository, tmp_path):
    elsewhere = builds.copy_repository(tmp_path / "another place" / "far away")
    for file in elsewhere.rglob("*.py"):
        os.utime(file, (2_000_000_000, 2_000_000_000))
        file.chmod(0o600)

    process = builds.build(
        elsewhere, umask=0o077, TZ="Pacific/Kiritimati", PYTHONHASHSEED="7", LC_ALL="C", USER="x"
    )

    assert process.returncode == 0, process.stderr
    zips = sorted((repository / "dist").glob("*.zip"))
    assert zips
    for path in zips:
        assert (elsewhere / "dist" / path.name).read_bytes() == path.read_bytes(), path.name


def test_every_file_in_a_zip_has_one_time_and_one_mode():
    content = package.zip_files({"b": b"2", "a": b"1"})

    entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert [entry.filename for entry in entries] == ["a", "b"]
    assert {(entry.date_time, entry.external_attr >> 16) for entry in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }


# The manifest


def test_the_manifest_describes_every_zip(repository, zips):
    manifest = json.loads((repository / "dist" / "manifest.json").read_text())

    assert manifest["version"] == "0.1.0+unknown"  # the copy is no git repository
    assert manifest["commit"] == "unknown"
    assert manifest["runtime"] == f"python{targets.running_python()}"
    assert manifest["architecture"] == targets.running_architecture()
    assert manifest["functions"].keys() == zips.keys()
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
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *arguments], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout

    clean = package.version(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.4"\n')
    dirty = package.version(tmp_path)

    assert clean == f"1.2.3+{commit[:12]}"
    assert dirty == f"1.2.4+{commit[:12]}.dirty"


def test_another_architecture_gets_its_own_binaries(tmp_path):
    root = builds.copy_repository(tmp_path / "repository", only="authorize_connection")
    other = next(name for name in targets.ARCHITECTURES if name != targets.running_architecture())

    process = builds.build(root, "--arch", other, "--out", str(tmp_path))

    assert process.returncode == 0, process.stderr
    archive = zipfile.ZipFile(tmp_path / "authorize_connection.zip")
    libraries = [file for file in archive.namelist() if ".so" in file]
    assert libraries
    machines = {struct.unpack_from("<H", archive.read(file), 18)[0] for file in libraries}
    assert machines == {targets.ARCHITECTURES[other][1]}
    assert json.loads((tmp_path / "manifest.json").read_text())["architecture"] == other


# Failures


def test_a_package_that_is_not_pinned_is_reported_by_name(repository, tmp_path):
    root = builds.copy_repository(tmp_path / "repository", only="health", packages_of=repository)
    append(root / "functions" / "health" / "handler.py", "\nimport requests\n")

    process = builds.build(root)

    assert process.returncode == 1
    assert process.stderr.startswith("requests is imported, but requirements/functions.txt")
    assert not (root / "dist").exists()


def test_a_call_of_an_operation_that_is_left_out_is_reported_with_its_line(repository, tmp_path):
    root = builds.copy_repository(tmp_path / "repository", only="health", packages_of=repository)
    (root / "shared" / "scans.py").write_text("def rows(client):\n    return client.scan(TableName='t')\n")
    append(root / "functions" / "health" / "handler.py", "\nfrom shared import scans\n")

    process = builds.build(root)

    assert process.returncode == 1
    assert process.stderr.startswith("shared/scans.py:2 calls scan, which the SDK in the zips does not have")


def test_a_client_of_a_service_that_is_left_out_is_reported(repository, tmp_path):
    root = builds.copy_repository(tmp_path / "repository", only="health", packages_of=repository)
    (root / "shared" / "speech.py").write_text(
        "def client(sdk):\n    return sdk.create_client('transcribe')\n"
    )
    append(root / "functions" / "health" / "handler.py", "\nfrom shared import speech\n")

    process = builds.build(root)

    assert process.returncode == 1
    assert process.stderr.startswith(
        "shared/speech.py creates a client of transcribe, which the SDK in the zips"
    )


def test_a_zip_over_its_limit_fails_the_build_by_name_and_figure(repository, tmp_path, monkeypatch, capsys):
    root = builds.copy_repository(tmp_path / "repository", only="health", packages_of=repository)
    monkeypatch.setitem(package.SIZE_LIMITS, "health", 1000)
    monkeypatch.setattr(package, "build", functools.partial(package.build, root=root))

    code = command.main(["--out", str(tmp_path / "dist")])

    assert code == 1
    assert "health.zip has " in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--python", "3.9"], "Python 3.9 is not supported; choose one of 3.11, 3.12, 3.13, 3.14"),
        (["--arch", "mips"], "Architecture mips is not supported; choose one of x86_64, arm64"),
    ],
)
def test_an_unknown_target_fails_in_one_sentence(capsys, arguments, sentence):
    code = command.main(arguments)

    assert code == 1
    assert capsys.readouterr().err == sentence + "\n"
