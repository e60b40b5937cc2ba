"""The AWS of one machine: moto in a process of its own, and clients that speak to it."""

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import boto3
import botocore.config

from scripts.local import processes

if TYPE_CHECKING:
    import subprocess

REGION = "us-east-1"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
}

CLIENT_CONFIG = botocore.config.Config(
    connect_timeout=2, read_timeout=20, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}
)


class AwsFailed(Exception):
    """The local AWS did not start."""


def start(
    log: IO[bytes], streams_url: str, calls: Path = Path(os.devnull)
) -> "tuple[subprocess.Popen[bytes], str]":
    """Start moto; return its process and its URL.

    It posts what is written to tables to `streams_url`, and notes in `calls` what functions ask of tables.
    Raises AwsFailed.
    """
    command = [sys.executable, "-m", "scripts.local.aws.moto_server", streams_url, str(calls)]
    process = processes.spawn(command, output=log, pipe=True)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout:
        word, _, url = process.stdout.readline().decode().strip().partition(" ")
    if word != "ready":
        processes.stop(process)
        raise AwsFailed(f"The local AWS did not start; see {log.name}")
    return process, url


def variables(url: str) -> dict[str, str]:
    """Return the environment variables that lead any AWS SDK, the CLI and Terraform to the local AWS."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def session() -> boto3.Session:
    """Return a session with the local credentials, whatever the developer's own are."""
    return boto3.Session("local", "local", "local", region_name=REGION)
