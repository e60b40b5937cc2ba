"""Run Terraform the same way on every machine: with or without the public registry, loud when it fails.

python -m scripts.terraform validates both roots.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.project import ROOT

TERRAFORM_ROOT = ROOT / "terraform"

PROVIDER = "registry.terraform.io/hashicorp/aws"
"""Where a filesystem mirror keeps the one provider that the project uses."""

_SHOWN_CHARACTERS = 4_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class TerraformFailed(Exception):
    """Terraform ended with an error; the message holds the command and the end of what it said."""


class TerraformMissing(Exception):
    """There is no Terraform on PATH."""


def plugin_mirror() -> Path | None:
    """Return a folder that holds the AWS provider, or None where Terraform must ask its registry.

    `TF_PLUGIN_MIRROR` comes first and must then be right: TerraformFailed says when it holds no AWS provider.
    """
    chosen = os.environ.get("TF_PLUGIN_MIRROR")
    if chosen:
        if not (Path(chosen) / PROVIDER).is_dir():
            raise TerraformFailed(f"TF_PLUGIN_MIRROR is {chosen}, which holds no {PROVIDER}.")
        return Path(chosen).resolve()
    return next((folder for folder in _mirror_places() if (folder / PROVIDER).is_dir()), None)


def _mirror_places() -> Iterator[Path]:
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
    """Return the process environment for Terraform: unattended, silent about upgrades, plus `extra`."""
    unattended = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    # Each data folder would fetch the provider anew from the registry, some 600 MB.
    cache = TERRAFORM_ROOT.parent / "build/terraform/plugins"
    cache.mkdir(parents=True, exist_ok=True)
    # A third of the provider's processor time goes into collecting garbage that it makes while it starts.
    usual = {"TF_PLUGIN_CACHE_DIR": str(cache), "GOGC": "400"}
    variables = {**usual, **os.environ, **unattended, **extra}
    config = variables.get("TF_CLI_CONFIG_FILE")
    if config and not Path(config).is_file():
        # Terraform warns on every call about a configuration file that is not there.
        del variables["TF_CLI_CONFIG_FILE"]
    return variables


def run(
    *args: str, root: Path = TERRAFORM_ROOT, env: Mapping[str, str] | None = None, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run `terraform ARGS` in `root`; its output goes to the terminal, or into the result when captured.

    Raises TerraformFailed on any exit code but 0, with what it said of its errors, and TerraformMissing when
    there is no Terraform. An interrupt is raised once Terraform has ended: it must free the state's lock.
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
        except KeyboardInterrupt:  # the terminal has sent it to Terraform as well
            process.communicate()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, errors)
    if done.returncode != 0:
        said = _COLOUR.sub("", f"{out or ''}{errors}".strip())
        raise TerraformFailed(
            f"terraform {' '.join(args)} ended with {done.returncode}.\n{said[-_SHOWN_CHARACTERS:]}"
        )
    return done


def init(
    *backend_config: str,
    root: Path = TERRAFORM_ROOT,
    env: Mapping[str, str] | None = None,
    backend: bool = True,
    capture: bool = False,
) -> None:
    """Run `terraform init` with the locked providers; each backend value is `key=value` or a file's path."""
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


def validate() -> int:
    """Run `terraform validate` in both roots; 0, or 1 with the reason on standard error."""
    try:
        for root in (TERRAFORM_ROOT, TERRAFORM_ROOT / "bootstrap"):
            # Its own data folder, so that a root that is set up for an environment stays so.
            env = environment(TF_DATA_DIR=str(TERRAFORM_ROOT.parent / "build/terraform/validate" / root.name))
            init(root=root, env=env, backend=False, capture=True)
            run("validate", "-no-color", root=root, env=env, capture=True)
    except (TerraformFailed, TerraformMissing) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(validate())
