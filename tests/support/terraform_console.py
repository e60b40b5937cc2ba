"""What Terraform makes of an expression over the project's root, without a backend, a state or AWS."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from scripts import terraform
from scripts.project import ROOT

DATA = ROOT / "build" / "terraform-console"


def evaluate(expression: str, folder: Path) -> Any:
    """Return the value of the expression for the local environment, with an audio stream.

    `folder` takes a copy of the root.
    """
    root = folder / "terraform"
    shutil.copytree(terraform.TERRAFORM_ROOT, root, ignore=shutil.ignore_patterns(".terraform"))
    (root / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    env = terraform.environment(TF_DATA_DIR=str(DATA))
    terraform.init(root=root, env=env, capture=True)
    values = (
        *("-var-file=environments/local.tfvars", "-var=dist_dir=tests/fixtures"),
        "-var=audio_stream=true",
    )
    answer = subprocess.run(
        ["terraform", f"-chdir={root}", "console", *values],
        input=f"jsonencode({expression})",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(json.loads(answer.stdout))
