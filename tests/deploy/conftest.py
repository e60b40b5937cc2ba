"""A copy of the project that deploys to the local AWS."""

import json
from collections.abc import Iterator

import boto3
import pytest

from scripts import local_system, terraform
from scripts.local.aws import local_aws
from tests.faults.in_process.conftest import clock  # noqa: F401
from tests.support.projects import Project, copy_project

ACCOUNT = "123456789012"
# As in environments/local.s3.tfbackend: path-style buckets, and credentials of no real account.
LOCAL_S3 = """
use_path_style              = true
skip_credentials_validation = true
skip_requesting_account_id  = true
skip_metadata_api_check     = true
"""


@pytest.fixture(scope="module")
def local_aws_url(tmp_path_factory: pytest.TempPathFactory, patient_terraform: None) -> Iterator[str]:
    """Start the local AWS, point every client to it, and yield its URL."""
    log = tmp_path_factory.mktemp("aws") / "log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")  # bootstrap attaches one of them
        # Nothing listens on port 9: no row is written here, so no stream record is posted.
        with local_aws.running(log, "http://127.0.0.1:9") as aws:
            for name, value in local_system.aws_variables(aws.url).items():
                patch.setenv(name, value)
            yield aws.url


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, local_aws_url: str) -> Project:
    """Return a copy of the project whose bootstrap has been applied."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    folder = project.folder
    bootstrap = {"root": folder / "terraform/bootstrap", "env": terraform.environment(TF_WORKSPACE=ACCOUNT)}
    terraform.init(**bootstrap, capture=True)
    apply = ("apply", "-auto-approve", "-input=false", f"-var=aws_region={local_system.REGION}")
    terraform.run(*apply, **bootstrap, capture=True)
    outputs = json.loads(terraform.run("output", "-json", **bootstrap, capture=True).stdout)
    # moto ignores the conditions of a bucket policy, so the TLS-only policy would deny every request.
    boto3.client("s3").delete_bucket_policy(Bucket=outputs["state_bucket"]["value"])
    for name in ("dev", "staging", "prod"):
        backend = folder / f"terraform/environments/{name}.s3.tfbackend"
        backend.write_text(
            backend.read_text().replace("<state bucket>", outputs["state_bucket"]["value"]) + LOCAL_S3
        )
        project.set_variable(name, "allowed_account_ids", f'["{ACCOUNT}"]')
        # The AWS provider waits 55 s for each expiration rule.
        project.set_variable(name, "failed_record_retention_days", "null")
    project.replace("terraform/main.tf", "var.speech_expires ? 1 : null", "null")
    return project
