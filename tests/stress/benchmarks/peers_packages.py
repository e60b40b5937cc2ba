"""The packages of the peers: those of Lambda's own runtime, and those that a peer's zip contains."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

from scripts.project import ROOT

# What Lambda's runtime has beside Python, with byte code.
RUNTIME = (
    "awslambdaric", "boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "simplejson", "six",
    "snapshot-restore-py", "urllib3",
)  # fmt: skip


def installed() -> Path:
    """Return a virtual environment with requirements/peers.txt, made at the first call and kept in build/."""
    requirements, cache = ROOT / "requirements" / "peers.txt", ROOT / "build" / "peers"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache / digest
    if not folder.exists():
        print("Installing the peers' packages (about half a minute, once)", file=sys.stderr, flush=True)
        cache.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=cache, prefix=".new-"))
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, new], check=True)
        subprocess.run(
            [*uv, "pip", "install", "--quiet", "--python", python(new), "--require-hashes",
             "--compile-bytecode", "--requirement", requirements],
            check=True,
        )  # fmt: skip
        new.rename(folder)
    return folder


def python(environment: Path) -> Path:
    """Return the interpreter of the virtual environment."""
    return environment / "bin" / "python"


def deployed(environment: Path, folder: Path) -> Path:
    """Copy into `folder` what a peer's zip contains: all that the runtime lacks, without byte code."""
    site = next(environment.glob("lib/python*/site-packages"))
    for distribution in distributions(path=[str(site)]):
        if distribution.metadata["Name"].lower() in RUNTIME:
            continue
        for file in distribution.files or ():
            source = Path(file.locate())
            if ".." in file.parts or file.suffix == ".pyc":
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder
