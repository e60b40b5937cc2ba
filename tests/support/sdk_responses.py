"""Responses to the SDK's requests, without a socket."""

import io
from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse


class AwsService:
    """A handler of botocore's event `before-send`: it responds by `respond`, and lists the requests."""

    def __init__(self, respond: Callable[[AWSRequest], AWSResponse]) -> None:
        self.requests: list[AWSRequest] = []
        self.respond = respond

    def __call__(self, request: AWSRequest, **_: Any) -> AWSResponse:
        self.requests.append(request)
        return self.respond(request)


class RawBody(io.BytesIO):
    """The body of a response, as urllib3 returns it. `fault` is raised when it is read."""

    fault: Exception | None = None

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()

    def read(self, *size: int) -> bytes:
        if self.fault:
            raise self.fault
        return super().read(*size)
