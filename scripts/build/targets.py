"""The Lambda runtime that zips are built for: its Python, its processor, and the wheels that run on it."""

import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scripts.build.errors import BuildError

# glibc of the Lambda runtimes: python3.11 runs on Amazon Linux 2, later ones on Amazon Linux 2023.
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
# Zips for python3.14 can be built, but not deployed: the AWS provider 5.100 rejects that runtime.
GLIBC_MINOR = {"3.11": 26, "3.12": 34, "3.13": 34, "3.14": 34}
# Lambda's name for a processor: its name in wheel tags, and e_machine in the ELF header (elf.h).
ARCHITECTURES = {"x86_64": ("x86_64", 62), "arm64": ("aarch64", 183)}
OLDEST_GLIBC_MINOR = 17


@dataclass(frozen=True)
class Target:
    """One Lambda runtime, such as python3.13 on arm64."""

    python: str
    architecture: str

    def __post_init__(self) -> None:
        if self.python not in GLIBC_MINOR:
            raise BuildError(f"Python {self.python} is not supported; choose one of {', '.join(GLIBC_MINOR)}")
        if self.architecture not in ARCHITECTURES:
            names = ", ".join(ARCHITECTURES)
            raise BuildError(f"Architecture {self.architecture} is not supported; choose one of {names}")

    @property
    def runtime(self) -> str:
        """Lambda's name of it: python3.11."""
        return f"python{self.python}"

    @property
    def tag(self) -> str:
        """CPython's tag in file names: cpython-311."""
        return "cpython-" + self.python.replace(".", "")

    @property
    def platforms(self) -> list[str]:
        """Wheel platforms that run there, newest first (PEP 600)."""
        machine = ARCHITECTURES[self.architecture][0]
        minors = range(GLIBC_MINOR[self.python], OLDEST_GLIBC_MINOR - 1, -1)
        return [*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}"]

    def check_extension(self, name: str, content: bytes) -> None:
        """Raise BuildError unless `content` is an ELF file for this processor and this CPython."""
        machine = struct.unpack_from("<H", content, 18)[0] if content[:4] == b"\x7fELF" else None
        if machine != ARCHITECTURES[self.architecture][1]:
            raise BuildError(f"{name} is not built for {self.architecture} (ELF machine {machine})")
        tag = re.search(r"\.(cpython-\d+)", name)
        if tag and tag[1] != self.tag:
            raise BuildError(f"{name} is built for {tag[1]}, not {self.tag}")


def running_python() -> str:
    """Return the version of the running Python, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def running_architecture() -> str:
    """Return Lambda's name for this machine's processor. Raises BuildError when Lambda has none like it."""
    machine = platform.machine()
    for name, (wheel_name, _) in ARCHITECTURES.items():
        if machine in (name, wheel_name):
            return name
    raise BuildError(
        f"Lambda has no processor {machine}; choose one with ARCH={' or ARCH='.join(ARCHITECTURES)}"
    )


def interpreter(python: str) -> Path:
    """Find an interpreter of that version: only it can write byte code that the runtime reads.

    Looks at the running Python, PATH, then pyenv's versions. Raises BuildError when there is none.
    """
    if python == running_python():
        return Path(sys.executable)
    on_path = shutil.which(f"python{python}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [
        *([Path(on_path)] if on_path else []),
        *sorted(pyenv.glob(f"{python}.*/bin/python{python}")),
    ]
    for candidate in candidates:
        if _version(candidate) == python:
            return candidate
    raise BuildError(
        f"No Python {python} found on PATH or in {pyenv}: install it (only the version that "
        f"reads byte code can write it), or build for {running_python()}"
    )


def _version(candidate: Path) -> str | None:
    # pyenv puts a shim of every version on PATH; it fails when that version is not the active one.
    try:
        process = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()
