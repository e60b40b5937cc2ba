"""The invocation of a Lambda function, as API Gateway and event sources see it."""

from dataclasses import dataclass
from typing import Protocol

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True)
class Result:
    """The JSON that the function returned, the type of the error if it failed, and the version that ran."""

    payload: bytes
    error: str | None = None
    version: str = "$LATEST"


class Throttled(Exception):
    """The function already runs as often at once as its reserved concurrency allows."""


class TooLarge(Exception):
    """The event is larger than PAYLOAD_LIMIT_BYTES."""


class UnknownFunction(Exception):
    """No function, alias or version has this name."""


class Functions(Protocol):
    """Invokes functions by name."""

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        """Invoke a function with a JSON event and wait for its result. Raises Throttled or TooLarge."""
        ...
