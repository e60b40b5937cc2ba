"""Apply the project's own Terraform root to the local AWS, and show what came of it.

`python -m scripts.local.provision DATA_DIR DIST [NAME=VALUE...]` is run by scripts.local.system in a process
of its own, with the local AWS in its environment; it writes DATA_DIR/shown.json. The values go before those
of local.tfvars.
"""

import os
import signal
import sys
from pathlib import Path

from scripts import local_system, terraform

ENVIRONMENTS = terraform.TERRAFORM_ROOT / "environments"
BACKEND = ENVIRONMENTS / "local.s3.tfbackend"
VARIABLES = ENVIRONMENTS / "local.tfvars"


def provision(data_dir: Path, dist: Path, *values: str) -> None:
    """Create the state bucket, init, apply and show. Raises TerraformFailed or TerraformMissing."""
    # TF_DATA_DIR keeps a developer's own .terraform, and the account that it points to, out of this.
    env = terraform.environment(TF_DATA_DIR=str(data_dir / "data"), TF_WORKSPACE="default")
    # A new local AWS knows nothing of the state that an earlier one held.
    (data_dir / "data" / "terraform.tfstate").unlink(missing_ok=True)
    _create_bucket(_value_of("bucket", BACKEND.read_text()))
    terraform.init(str(BACKEND), env=env, capture=True)
    terraform.run(
        "apply",
        "-auto-approve",
        "-input=false",
        "-no-color",
        "-parallelism=20",
        f"-var-file={VARIABLES}",
        f"-var=dist_dir={_from_root(dist)}",
        *(f"-var={value}" for value in values),
        env=env,
        capture=True,
    )
    shown = terraform.run("show", "-json", env=env, capture=True)
    (data_dir / "shown.json").write_text(shown.stdout)


def _from_root(dist: Path) -> str:
    # As the environments' values have it: where this checkout lies is nothing that a plan should tell of.
    return os.path.relpath(dist, terraform.TERRAFORM_ROOT)


def _create_bucket(name: str) -> None:
    s3 = local_system.aws_client("s3", os.environ["AWS_ENDPOINT_URL"])
    s3.create_bucket(Bucket=name)


def _value_of(name: str, backend: str) -> str:
    for line in backend.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == name:
            return value.strip().strip('"')
    raise terraform.TerraformFailed(f"{BACKEND} does not say which {name} the state is in.")


def _end_with_everything_started(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)  # Terraform, and the provider that Terraform started


def main() -> int:
    """Provision and say nothing; 1 with the reason on standard error."""
    signal.signal(signal.SIGTERM, _end_with_everything_started)
    data_dir, dist, *values = sys.argv[1:]
    try:
        provision(Path(data_dir), Path(dist), *values)
    except (terraform.TerraformFailed, terraform.TerraformMissing) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
