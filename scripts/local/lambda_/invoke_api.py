"""Lambda's Invoke API, which runs a function for a caller of the local AWS and waits for its result.

The local AWS forwards the calls of this operation here.
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping

from aiohttp import web

from scripts.local.config.functions import Function
from scripts.local.lambda_.aliases import NEWEST, Aliases
from scripts.local.lambda_.invocation import Throttled, TooLarge, UnknownFunction
from scripts.local.servers import SHUTDOWN_SECONDS, Server

ACTION = "lambda:InvokeFunction"

# A name, a partial ARN (ACCOUNT:function:NAME) or an ARN, each with or without a qualifier.
_FUNCTION_NAME = re.compile(r"(?:.*:?function:)?(?P<name>[\w-]+)(?::(?P<qualifier>[\w$-]+))?")

Allow = Callable[[str, str, str], bool]
"""Decides whether the signer of an Authorization header may take an action on the ARN of a resource."""


class _Refused(Exception):
    """The invocation is refused: status, error code and message."""


class InvokeApi(Server):
    """Serves synchronous invocations (RequestResponse) of the functions that are given to `serve`."""

    def __init__(self) -> None:
        self._served: tuple[Mapping[str, Function], Aliases, Allow] | None = None

    def runner(self) -> web.AppRunner:
        """Serve the one operation."""
        app = web.Application(client_max_size=0)  # no limit: Lambda has its own
        app.router.add_post("/2015-03-31/functions/{function}/invocations", self._handle)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    def serve(self, declared: Mapping[str, Function], functions: Aliases, allow: Allow) -> None:
        """Start to invoke the declared functions, by name, for signers whom `allow` permits it."""
        self._served = declared, functions, allow

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            return await self._invoke(request)
        except _Refused as refused:
            status, code, message = refused.args
            error = {"Type": "User", "Message": message}
            return web.json_response(error, status=status, headers={"x-amzn-errortype": code})

    async def _invoke(self, request: web.Request) -> web.Response:
        if self._served is None:
            raise _Refused(500, "ServiceException", "The local system is still starting.")
        declared, functions, allow = self._served
        function, qualifier = _requested(request)
        if function not in declared:
            raise _Refused(404, "ResourceNotFoundException", f"Function not found: {function}")
        resource = f"{declared[function].arn}:{qualifier}"
        # Only AWS's SDKs sign. A call without a signature may come from a web page in a browser.
        authorization = request.headers.get("authorization", "")
        if "AWS4-HMAC-SHA256" not in authorization or not await asyncio.to_thread(
            allow, authorization, ACTION, resource
        ):
            raise _Refused(403, "AccessDeniedException", f"No {ACTION} on {resource}")
        if request.headers.get("x-amz-invocation-type", "RequestResponse") != "RequestResponse":
            message = "The local system supports the invocation type RequestResponse only."
            raise _Refused(400, "InvalidParameterValueException", message)
        try:
            result = await functions.invoke(function, await _event(request), qualifier=qualifier)
        except UnknownFunction as unknown:
            raise _Refused(404, "ResourceNotFoundException", f"Function not found: {unknown}") from None
        except Throttled:
            raise _Refused(429, "TooManyRequestsException", "Rate Exceeded.") from None
        except TooLarge:
            raise _Refused(413, "RequestTooLargeException", "The event is larger than 6 MB.") from None
        # Lambda too reports every error of a function as Unhandled.
        function_error = {"x-amz-function-error": "Unhandled"} if result.error else {}
        headers = {"x-amz-executed-version": result.version, **function_error}
        return web.Response(body=result.payload, content_type="application/json", headers=headers)


def _requested(request: web.Request) -> tuple[str, str]:
    """Return the function's name and the qualifier. Raises _Refused."""
    requested = request.match_info["function"]
    match = _FUNCTION_NAME.fullmatch(requested)
    if match is None:
        raise _Refused(400, "ValidationException", f"{requested} is not the name or ARN of a function.")
    return match["name"], match["qualifier"] or request.query.get("Qualifier", NEWEST)


async def _event(request: web.Request) -> bytes:
    """Return the event; an empty payload is an empty object. Raises _Refused."""
    event = await request.read() or b"{}"
    try:
        json.loads(event)
    except ValueError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise _Refused(400, "InvalidRequestContentException", message) from None
    return event
