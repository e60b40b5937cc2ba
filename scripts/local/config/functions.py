"""The Lambda functions that Terraform declares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.local.config.terraform_state import TerraformState


@dataclass(frozen=True)
class Function:
    """A Lambda function; `timeout` in seconds."""

    name: str
    arn: str
    handler: str
    runtime: str
    architecture: str
    memory_mb: int
    timeout: float
    environment: Mapping[str, str]
    reserved_concurrency: int | None = None
    log_format: str = "JSON"
    log_level: str = "INFO"


def read(state: TerraformState) -> dict[str, Function]:
    """Return all functions by name."""
    functions = map(_function, state.all("aws_lambda_function"))
    return {function.name: function for function in functions}


def _function(values: Mapping[str, Any]) -> Function:
    reserved = values["reserved_concurrent_executions"]
    logging = (values["logging_config"] or [{}])[0]
    environment = (values["environment"] or [{}])[0]
    return Function(
        name=values["function_name"],
        arn=values["arn"],
        handler=values["handler"],
        runtime=values["runtime"],
        architecture=values["architectures"][0],
        memory_mb=values["memory_size"],
        timeout=values["timeout"],
        environment=environment.get("variables") or {},
        reserved_concurrency=None if reserved in (None, -1) else reserved,
        log_format=logging.get("log_format") or "Text",
        log_level=logging.get("application_log_level") or "INFO",
    )
