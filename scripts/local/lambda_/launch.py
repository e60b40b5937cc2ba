"""How the process of a function is started: AWS's runtime interface client, with Lambda's variables.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

import asyncio
import json
import platform
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from scripts.errors import CommandError
from scripts.local.config.functions import Function
from scripts.local.lambda_.invocation import Result
from scripts.processes import die_with_parent

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The only runtime that can run here: the Python of this process, by its name on Lambda."""

ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""The processor of this machine, by its name on Lambda."""

_RUNTIME_PACKAGES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


class WrongRuntime(CommandError):
    """A function is built for another Python or another processor than this machine's."""


@dataclass(frozen=True)
class Launch:
    """Starts processes of one function, whose zip is unpacked in `task_root`. Its log is in `work`/logs.

    `environment` overrides the variables that Terraform declares; Lambda's own variables override both.
    `local_values` replaces declared values by the ones that hold on this machine.
    """

    function: Function
    task_root: Path
    work: Path
    environment: Mapping[str, str]
    local_values: Mapping[str, str]

    async def process(self, runtime_api: str) -> asyncio.subprocess.Process:
        """Start a process that asks the Runtime API at `runtime_api` (host:port) for events."""
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                # -S: no site-packages. -B: the task root is read-only.
                *(sys.executable, "-S", "-B", "-m", "awslambdaric", self.function.handler),
                cwd=self.task_root,
                env=self._variables(runtime_api),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def failure(self, error_type: str, message: str) -> Result:
        """Log a failure that the function could not report itself, and return it as a result."""
        now = datetime.now(UTC).isoformat()
        line = {"time": now, "level": "ERROR", "errorType": error_type, "message": message}
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")
        return Result(json.dumps({"errorType": error_type, "errorMessage": message}).encode(), error_type)

    @property
    def _log(self) -> Path:
        return self.work / "logs" / f"{self.function.name}.log"

    def _variables(self, runtime_api: str) -> dict[str, str]:
        """Return the whole environment of the process; nothing comes from the developer's own."""
        function = self.function
        region = function.arn.split(":")[3]
        return {
            **{name: self.local_values.get(value, value) for name, value in function.environment.items()},
            **self.environment,
            "AWS_ACCESS_KEY_ID": function.name,  # identifies the role: see scripts.local.aws.permissions
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": function.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_LEVEL": function.log_level,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_REGION": region,
            "LAMBDA_RUNTIME_DIR": str(_runtime_folder(self.work)),
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(_runtime_folder(self.work)),
            "TZ": ":UTC",
            "_HANDLER": function.handler,
        }


def check(function: Function) -> None:
    """Raise WrongRuntime when the function is not built for this Python and this processor."""
    built_for, here = (function.runtime, function.architecture), (RUNTIME, ARCHITECTURE)
    if built_for != here:
        name = function.name
        raise WrongRuntime(f"{name} is built for {' on '.join(built_for)}; {' on '.join(here)} runs here.")


def make_folders(work: Path) -> None:
    """Make the folders of the logs and of the runtime interface client.

    As on Lambda, a function finds its zip and the runtime's folder, and nothing else that is installed.
    Lambda's folder has a boto3 too; zips that bring their own do not see the difference.
    """
    (work / "logs").mkdir(parents=True, exist_ok=True)
    _runtime_folder(work).mkdir(exist_ok=True)
    for name in _RUNTIME_PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed; make run installs it")
        source = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
        link = _runtime_folder(work) / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source)


def _runtime_folder(work: Path) -> Path:
    return work / "runtime"
