"""Check that this machine has what the project needs, and print what to install.

It runs before anything is installed, so it imports nothing but Python's own library.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

Ask = Callable[[Sequence[str]], str | None]
"""Runs a command and returns what it said, or None when it is not there."""


@dataclass(frozen=True)
class Finding:
    """What was found of one thing; `advice` is empty when it is well."""

    name: str
    found: str
    advice: str = ""
    needed: bool = True


def run(command: Sequence[str]) -> str | None:
    """Run a command and return what it said, or None when it is not there or does not answer."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return f"{done.stdout}{done.stderr}"


def findings(
    ask: Ask = run, python: tuple[int, ...] = sys.version_info[:2], system: str = ""
) -> list[Finding]:
    """Return what was found of each thing that the project needs."""
    found_system = system or platform.system()
    return [
        _system(found_system),
        Finding(
            "Python",
            ".".join(map(str, python)),
            "" if python >= (3, 11) else "3.11 or newer is needed: https://www.python.org/downloads/",
        ),
        _tool(
            ask,
            "GNU make",
            ("make", "--version"),
            r"GNU Make (\d+)\.(\d+)",
            (3, 81),
            "apt install make; xcode-select --install",
        ),
        _tool(
            ask,
            "Terraform",
            ("terraform", "version"),
            r"Terraform v(\d+)\.(\d+)",
            (1, 11),
            "https://developer.hashicorp.com/terraform/install",
        ),
        _tool(
            ask,
            "git",
            ("git", "--version"),
            r"git version (\d+)\.(\d+)",
            (2, 0),
            "apt install git; without it builds have no commit",
        ),
        _provider(),
        _tool(
            ask,
            "AWS CLI",
            ("aws", "--version"),
            r"aws-cli/(\d+)\.(\d+)",
            (2, 0),
            "only to sign in to AWS: https://aws.amazon.com/cli/",
            needed=False,
        ),
    ]


def _system(name: str) -> Finding:
    well = name in ("Linux", "Darwin")
    return Finding("System", name, "" if well else "Linux or macOS is needed; on Windows use WSL 2.")


def _tool(
    ask: Ask,
    name: str,
    command: Sequence[str],
    version: str,
    least: tuple[int, int],
    advice: str,
    *,
    needed: bool = True,
) -> Finding:
    said = ask(command)
    found = re.search(version, said or "")
    if said is None or found is None:
        return Finding(name, "not found", advice, needed)
    has = (int(found[1]), int(found[2]))
    told = f"{has[0]}.{has[1]}"
    if has < least:
        return Finding(name, told, f"{least[0]}.{least[1]} or newer is needed: {advice}", needed)
    return Finding(name, told)


def _provider() -> Finding:
    chosen = os.environ.get("TF_PLUGIN_MIRROR")
    if chosen and not (Path(chosen) / "registry.terraform.io/hashicorp/aws").is_dir():
        advice = "holds no registry.terraform.io/hashicorp/aws: name a provider mirror's folder, or unset it"
        return Finding("TF_PLUGIN_MIRROR", chosen, advice)
    return Finding(
        "AWS provider",
        f"mirrored in {chosen}" if chosen else "from a mirror if there is one, or the registry",
    )


def main(found: Sequence[Finding] | None = None) -> int:
    """Print what was found and what to do; 1 when something that is needed is missing."""
    found = findings() if found is None else found
    for finding in found:
        mark = "ok" if not finding.advice else "MISSING" if finding.needed else "optional"
        print(f"{mark:9} {finding.name:17} {finding.found}{': ' if finding.advice else ''}{finding.advice}")
    return int(any(finding.advice and finding.needed for finding in found))


if __name__ == "__main__":
    sys.exit(main())
