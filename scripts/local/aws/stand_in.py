"""What stand-ins for services that moto lacks have in common: each serves one operation to AWS's SDKs.

A request is refused as on AWS: without a signature, without a permission, or when it violates the SDK's own
model of the service. Tests inject faults.
"""

import abc
import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from botocore.model import OperationModel, Shape

from scripts.local.aws import service_model
from scripts.local.servers import SHUTDOWN_SECONDS, Server

Allow = Callable[[str, str, str], bool]
"""Decides whether the signer of an Authorization header may take an action on the ARN of a resource."""

RequestT = TypeVar("RequestT")


@dataclass(frozen=True)
class Fault:
    """How a call fails: after `seconds`, with an error `code` of the service or with no response at all.

    With seconds alone it succeeds, but late.
    """

    code: str = ""
    seconds: float = 0.0
    drops: bool = False


class Refused(Exception):
    """The service answers with an error: its code and message."""


class StandIn(Server, Generic[RequestT]):
    """Serves one operation to signers whom `allow` permits it; it acts on no resource.

    `fault` decides by a valid request how it fails; tests set it, and may count the requests there.
    """

    action: str
    """The IAM action, such as translate:TranslateText."""
    operation: OperationModel
    """The SDK's model of the operation."""
    error_content_type: str

    def __init__(self, allow: Allow) -> None:
        self.fault: Callable[[RequestT], Fault | None] = lambda _: None
        self._allow = allow
        self._statuses = {
            error.name: error.metadata["error"]["httpStatusCode"] for error in self.operation.error_shapes
        }

    def runner(self) -> web.ServerRunner:
        """Serve all paths alike: the subclass decides which requests call its operation."""
        return web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_SECONDS)

    @abc.abstractmethod
    def is_call(self, request: web.BaseRequest) -> bool:
        """Return whether the request calls the operation."""

    @abc.abstractmethod
    def validate(self, body: bytes) -> RequestT:
        """Return the request, which is valid by the SDK's model and the service's limits. Raises Refused."""

    @abc.abstractmethod
    async def answer(self, wanted: RequestT) -> web.Response:
        """Return the response to a valid request."""

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            wanted = await self._read(request)
            await self._fail(request, wanted)
        except Refused as refused:
            code, message = refused.args
            return web.json_response(
                {"__type": code, "message": message},
                status=self._statuses.get(code, 400),
                content_type=self.error_content_type,
            )
        return await self.answer(wanted)

    async def _read(self, request: web.BaseRequest) -> RequestT:
        """Return the request once it is permitted and valid. Raises Refused."""
        # Only AWS's SDKs sign. A call without a signature may come from a web page in a browser.
        authorization = request.headers.get("authorization", "")
        if "AWS4-HMAC-SHA256" not in authorization:
            raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
        if not self.is_call(request):
            name = self.operation.name
            raise Refused("UnknownOperationException", f"The local system serves {name} only.")
        if not await asyncio.to_thread(self._allow, authorization, self.action, "*"):
            raise Refused("AccessDeniedException", f"No {self.action}")
        return self.validate(await request.read())

    async def _fail(self, request: web.BaseRequest, wanted: RequestT) -> None:
        fault = self.fault(wanted)
        if fault is None:
            return
        await asyncio.sleep(fault.seconds)
        if fault.drops and request.transport:
            request.transport.abort()
        if fault.code:
            raise Refused(fault.code, "A test asked for this error.")


def parse(body: bytes, shape: Shape) -> Any:
    """Return a JSON body, whose values are of the types of the shape. Raises Refused."""
    try:
        request: Any = json.loads(body)
    except ValueError as problem:
        raise Refused("SerializationException", str(problem)) from None
    if problems := list(service_model.wrong_types(shape, request)):
        raise Refused("SerializationException", "; ".join(problems))
    return request


def check(request: Any, shape: Shape) -> None:
    """Raise Refused when a request that has been parsed violates a constraint of the shape."""
    if problems := list(service_model.violations(shape, request)):
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise Refused("ValidationException", f"{count}: {'; '.join(problems)}")
