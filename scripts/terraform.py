"""Run Terraform unattended, with the provider from a mirror where there is one, and raise its errors.

python -m scripts.terraform validates both roots.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts import command_line
from scripts.errors import StepFailed
from scripts.project import ROOT

TERRAFORM_ROOT = ROOT / "terraform"

PROVIDER = "registry.terraform.io/hashicorp/aws"
"""The folder of the AWS provider in a filesystem mirror."""

_MESSAGE_CHARACTERS = 4_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class TerraformFailed(StepFailed):
    """Terraform exited with an error; the message holds the command and the end of its output."""


class TerraformMissing(StepFailed):
    """Terraform is not on PATH."""


def plugin_mirror() -> Path | None:
    """Return a folder that holds the AWS provider, or None to use the public registry.

    The variable TF_PLUGIN_MIRROR names the folder; without it, search the usual folders. Raises
    TerraformFailed when the named folder holds no AWS provider.
    """
    named = os.environ.get("TF_PLUGIN_MIRROR")
    if named:
        if not (Path(named) / PROVIDER).is_dir():
            raise TerraformFailed(f"TF_PLUGIN_MIRROR is {named}, which holds no {PROVIDER}.")
        return Path(named).resolve()
    return next((folder for folder in _mirror_candidates() if (folder / PROVIDER).is_dir()), None)


def _mirror_candidates() -> Iterator[Path]:
    # https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
    home = Path.home()
    yield TERRAFORM_ROOT / "terraform.d/plugins"
    yield home / ".terraform.d/plugins"
    if sys.platform == "darwin":
        yield home / "Library/Application Support/io.terraform/plugins"
        yield Path("/Library/Application Support/io.terraform/plugins")
    yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "terraform/plugins"
    for shared in (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(shared) / "terraform/plugins"
    for software in (Path("/opt"), Path("/usr/local/share"), Path("/usr/share")):
        yield from sorted(software.glob("*"))


def environment(**extra: str) -> dict[str, str]:
    """Return the environment variables of a Terraform process: unattended, no upgrade check, plus `extra`."""
    unattended = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    # Without a shared cache each data folder downloads the provider again: 600 MB.
    cache = ROOT / "build/terraform/plugins"
    cache.mkdir(parents=True, exist_ok=True)
    # With Go's default of 100 the provider spends a third of its CPU time on garbage collection at startup.
    defaults = {"TF_PLUGIN_CACHE_DIR": str(cache), "GOGC": "400"}
    variables = {**defaults, **os.environ, **unattended, **extra}
    config = variables.get("TF_CLI_CONFIG_FILE")
    if config and not Path(config).is_file():
        # Terraform warns on every call when this file is missing.
        del variables["TF_CLI_CONFIG_FILE"]
    return variables


def run(
    *args: str, root: Path = TERRAFORM_ROOT, env: Mapping[str, str] | None = None, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `terraform ARGS` in `root`. With `capture` the output is in the result, otherwise on the terminal.

    Raises TerraformFailed with Terraform's error output when it exits with another code than 0, and
    TerraformMissing. Raises KeyboardInterrupt only after Terraform has exited and released the state lock.
    """
    variables = environment() if env is None else env
    program = shutil.which("terraform", path=variables.get("PATH"))
    if program is None:
        raise TerraformMissing(
            "Terraform is not on PATH. Install version 1.11 or newer: https://developer.hashicorp.com/terraform/install"
        )
    command = [program, f"-chdir={root}", *args]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=variables, stdout=pipe if capture else None, stderr=pipe, text=True
    ) as process:
        try:
            out, errors = process.communicate()
        except KeyboardInterrupt:  # the terminal sends it to Terraform too
            process.communicate()
            raise
    if process.returncode != 0:
        message = _COLOUR.sub("", f"{out or ''}{errors}".strip())[-_MESSAGE_CHARACTERS:]
        raise TerraformFailed(f"terraform {' '.join(args)} exited with code {process.returncode}.\n{message}")
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def init(
    *backend_config: str,
    root: Path = TERRAFORM_ROOT,
    env: Mapping[str, str] | None = None,
    backend: bool = True,
    capture: bool = False,
) -> None:
    """Run `terraform init` with the locked providers. A backend value is `key=value` or a file's path."""
    mirror = plugin_mirror()
    run(
        "init",
        "-input=false",
        "-lockfile=readonly",
        *([f"-plugin-dir={mirror}"] if mirror else []),
        *([] if backend else ["-backend=false"]),
        *(f"-backend-config={value}" for value in backend_config),
        root=root,
        env=env,
        capture=capture,
    )


def validate() -> None:
    """Run `terraform validate` in both roots. Raises TerraformFailed, TerraformMissing."""
    for root in (TERRAFORM_ROOT, TERRAFORM_ROOT / "bootstrap"):
        # A data folder of its own leaves a root initialized for an environment as it is.
        env = environment(TF_DATA_DIR=str(ROOT / "build/terraform/validate" / root.name))
        init(root=root, env=env, backend=False, capture=True)
        run("validate", "-no-color", root=root, env=env, capture=True)


if __name__ == "__main__":
    sys.exit(command_line.run(validate))
