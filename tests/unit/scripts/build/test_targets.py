"""The runtime that zips are built for."""

import platform
import struct

import pytest

from scripts.build import targets
from scripts.build.errors import BuildError
from scripts.build.targets import Target


@pytest.mark.parametrize(
    ("machine", "architecture"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")]
)
def test_a_machine_has_the_architecture_that_lambda_names(monkeypatch, machine, architecture):
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert targets.running_architecture() == architecture


def test_a_machine_that_lambda_does_not_have_must_name_an_architecture(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(BuildError, match="no processor riscv64; choose one with ARCH=x86_64 or ARCH=arm64"):
        targets.running_architecture()


def test_a_python_that_is_not_installed_is_reported_by_version(monkeypatch, tmp_path):
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
