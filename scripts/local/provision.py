"""Apply the project's Terraform root to the local AWS, and write its state as JSON.

`python -m scripts.local.provision DATA_DIR DIST [NAME=VALUE...]` writes DATA_DIR/terraform_state.json. The
environment variables of AWS's SDK name the local AWS. The values override those of local.tfvars.
"""

import os
import signal
import sys
from pathlib import Path

from scripts import local_system, terraform

ENVIRONMENTS = terraform.TERRAFORM_ROOT / "environments"
BACKEND = ENVIRONMENTS / "local.s3.tfbackend"
VARIABLES = ENVIRONMENTS / "local.tfvars"
STATE = "terraform_state.json"


def provision(data_dir: Path, dist: Path, *values: str) -> None:
    """Create the state bucket; then init, apply and show. Raises TerraformFailed or TerraformMissing."""
    # TF_DATA_DIR keeps a developer's own .terraform, and the account that it points to, out of this.
    env = terraform.environment(TF_DATA_DIR=str(data_dir / "data"), TF_WORKSPACE="default")
    # A new local AWS does not have the state bucket of the former one.
    (data_dir / "data" / "terraform.tfstate").unlink(missing_ok=True)
    local_system.aws_client("s3", os.environ["AWS_ENDPOINT_URL"]).create_bucket(Bucket=_bucket())
    terraform.init(str(BACKEND), env=env, capture=True)
    terraform.run(
        "apply",
        "-auto-approve",
        "-input=false",
        "-no-color",
        "-parallelism=20",
        f"-var-file={VARIABLES}",
        # Relative, as in the environments' tfvars: the state does not show where this checkout is.
        f"-var=dist_dir={os.path.relpath(dist, terraform.TERRAFORM_ROOT)}",
        *(f"-var={value}" for value in values),
        env=env,
        capture=True,
    )
    shown = terraform.run("show", "-json", env=env, capture=True)
    (data_dir / STATE).write_text(shown.stdout)


def _bucket() -> str:
    for line in BACKEND.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == "bucket":
            return value.strip().strip('"')
    raise terraform.TerraformFailed(f"{BACKEND} names no bucket for the state.")


def _kill_process_group(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)  # Terraform, and the provider that Terraform started


def main() -> int:
    """Provision and print nothing; 1 with the reason on standard error when that fails."""
    signal.signal(signal.SIGTERM, _kill_process_group)
    data_dir, dist, *values = sys.argv[1:]
    try:
        provision(Path(data_dir), Path(dist), *values)
    except (terraform.TerraformFailed, terraform.TerraformMissing) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
