"""Check that this machine has the tools that the project needs, and print what to install.

It runs before anything is installed and under older Pythons, so it imports only the standard library.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Run = Callable[[Sequence[str]], str | None]

_TESTED_PYTHONS = "tested with 3.11, 3.12 and 3.13"
_TESTED_MACHINES = "tested on x86_64 Linux; arm64 Linux builds but was not tested"


@dataclass(frozen=True)
class Finding:
    """The state of one requirement. `advice` is empty when the requirement is met."""

    name: str
    state: str
    advice: str = ""
    required: bool = True

    def __str__(self) -> str:
        mark = "ok" if not self.advice else "MISSING" if self.required else "optional"
        return f"{mark:9} {self.name:17} {self.state}{': ' if self.advice else ''}{self.advice}"


@dataclass(frozen=True)
class Tool:
    """A command line tool, how it prints its version, and where to get it."""

    name: str
    command: Sequence[str]
    version_pattern: str
    minimum: tuple[int, int]
    source: str
    required: bool = True

    def check(self, run: Run) -> Finding:
        """Compare the installed version with the minimum; `run` as run_command."""
        match = re.search(self.version_pattern, run(self.command) or "")
        if match is None:
            return Finding(self.name, "not found", self.source, self.required)
        installed = (int(match[1]), int(match[2]))
        advice = ""
        if installed < self.minimum:
            advice = f"{_dotted(self.minimum)} or newer is needed: {self.source}"
        return Finding(self.name, _dotted(installed), advice, self.required)


TOOLS = (
    Tool(
        "GNU make",
        ("make", "--version"),
        r"GNU Make (\d+)\.(\d+)",
        (3, 81),
        "apt install make; xcode-select --install",
    ),
    Tool(
        "Terraform",
        ("terraform", "version"),
        r"Terraform v(\d+)\.(\d+)",
        (1, 11),
        "https://developer.hashicorp.com/terraform/install",
    ),
    Tool(
        "git",
        ("git", "--version"),
        r"git version (\d+)\.(\d+)",
        (2, 0),
        "apt install git (builds record the commit)",
    ),
    Tool(
        "AWS CLI",
        ("aws", "--version"),
        r"aws-cli/(\d+)\.(\d+)",
        (2, 0),
        "https://aws.amazon.com/cli/ (only to sign in to AWS)",
        required=False,
    ),
    Tool(
        "Apertium",
        ("apertium", "-V"),
        r"Apertium (\d+)\.(\d+)",
        (3, 0),
        "apt install apertium-eng-spa (only to translate captions on this machine)",
        required=False,
    ),
    Tool(
        "espeak-ng",
        ("espeak-ng", "--version"),
        r"eSpeak NG text-to-speech: (\d+)\.(\d+)",
        (1, 49),
        "apt install espeak-ng lame (only to speak captions on this machine)",
        required=False,
    ),
    Tool(
        "LAME",
        ("lame", "--version"),
        r"version (\d+)\.(\d+)",
        (3, 99),
        "apt install espeak-ng lame (only to speak captions on this machine)",
        required=False,
    ),
)


def run_command(command: Sequence[str]) -> str | None:
    """Run a command and return its output, or None when it is missing or does not end within 20 s."""
    if shutil.which(command[0]) is None:
        return None
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return f"{result.stdout}{result.stderr}"


def check_machine(
    run: Run = run_command,
    python: tuple[int, ...] = sys.version_info[:2],
    system: str = platform.system(),
    machine: str = platform.machine(),
) -> list[Finding]:
    """Return a finding for each requirement; `run` as run_command."""
    return [
        _check_system(system, machine),
        _check_python(python),
        *(tool.check(run) for tool in TOOLS),
        _check_provider(),
    ]


def _check_system(system: str, machine: str) -> Finding:
    supported = system in ("Linux", "Darwin")
    advice = "" if supported else "Linux or macOS is needed; on Windows use WSL 2"
    return Finding("System", f"{system} {machine} ({_TESTED_MACHINES})", advice)


def _check_python(version: tuple[int, ...]) -> Finding:
    supported = (3, 11) <= version < (3, 14)
    advice = "" if supported else "3.11, 3.12 or 3.13 is needed: https://www.python.org/downloads/"
    return Finding("Python", f"{_dotted(version)} ({_TESTED_PYTHONS})", advice)


def _check_provider() -> Finding:
    mirror = os.environ.get("TF_PLUGIN_MIRROR")
    if not mirror:
        return Finding("AWS provider", "from a local mirror if there is one, otherwise from the registry")
    if (Path(mirror) / "registry.terraform.io/hashicorp/aws").is_dir():
        return Finding("AWS provider", f"mirrored in {mirror}")
    advice = (
        "contains no registry.terraform.io/hashicorp/aws: name the folder of a provider mirror, or unset it"
    )
    return Finding("TF_PLUGIN_MIRROR", mirror, advice)


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def main(findings: Sequence[Finding] | None = None) -> int:
    """Print the findings and return the exit code: 1 when a required tool is missing or too old."""
    findings = check_machine() if findings is None else findings
    for finding in findings:
        print(finding)
    return int(any(finding.advice and finding.required for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
