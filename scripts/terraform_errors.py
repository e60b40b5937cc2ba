"""Terraform's error output, translated to one sentence for the errors that operators meet."""

import re

from scripts.errors import PreconditionFailed


def translate(output: str, environment: str) -> PreconditionFailed | None:
    """Return the error for Terraform's output in an environment, or None when it is best shown as it is."""
    # Terraform draws a frame around its messages and wraps them.
    text = re.sub(r"\s+", " ", re.sub(r"[│╷╵]", " ", output))
    if "Error acquiring the state lock" in text:
        return PreconditionFailed(_locked(text, environment))
    if "Saved plan is stale" in text:
        return PreconditionFailed(
            f"{environment} has changed since the plan was made. Plan again: make plan ENV={environment}"
        )
    if account := re.search(r"AWS account ID not allowed: (\d+)", text):
        return PreconditionFailed(
            f"These credentials belong to account {account[1]}, which "
            f"terraform/environments/{environment}.tfvars does not allow (allowed_account_ids)."
        )
    if "No valid credential sources found" in text:
        return PreconditionFailed(
            f"There are no AWS credentials for {environment}. Sign in first: aws sso login"
        )
    if "NoSuchBucket" in text or "S3 bucket does not exist" in text:
        return PreconditionFailed(
            f"The state bucket that terraform/environments/{environment}.s3.tfbackend names does not exist. "
            "Create it with terraform/bootstrap."
        )
    return None


def _locked(text: str, environment: str) -> str:
    return (
        f"Somebody else is changing {environment}: {_lock_field('Who', text)}, since "
        f"{_lock_field('Created', text)}. Nothing was changed; try again when they have finished. "
        f"If they never will: terraform force-unlock {_lock_field('ID', text)}"
    )


def _lock_field(name: str, text: str) -> str:
    # The fields follow each other: ID, Path, Operation, Who, Version, Created, Info.
    match = re.search(
        rf"\b{name}: (\S.*?)(?= (?:Path|Operation|Who|Version|Created|Info):| Terraform |$)", text
    )
    return match[1] if match else "unknown"
