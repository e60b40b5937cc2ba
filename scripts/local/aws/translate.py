"""A stand-in for Amazon Translate: TranslateText, held to the SDK's own model of the service.

It returns the text with the target language before it, `[es] text`, or translates with Apertium. Functions
find it by AWS_ENDPOINT_URL_TRANSLATE. https://docs.aws.amazon.com/translate/latest/APIReference/API_TranslateText.html
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from scripts.local.aws import service_model
from scripts.local.aws.apertium import Apertium
from scripts.local.servers import SHUTDOWN_SECONDS, Server

ACTION = "translate:TranslateText"

# https://docs.aws.amazon.com/translate/latest/dg/what-is-limits.html
TEXT_LIMIT_BYTES = 10_000

# https://docs.aws.amazon.com/translate/latest/dg/what-is-languages.html: each is translated into every other.
_CODES = """
af sq am ar hy az bn bs bg ca zh zh-TW hr cs da fa-AF nl en et fa tl fi fr fr-CA ka de el gu ht ha he hi hu is
id ga it ja kn kk ko lv lt mk ms ml mt mr mn no ps pl pt pt-PT pa ro ru sr si sk sl so es es-MX sw sv ta te th
tr uk ur uz vi cy
"""
LANGUAGES = frozenset(_CODES.split())

_MODEL = service_model.load("translate")
_OPERATION = _MODEL.operation_model("TranslateText")
_REQUEST = _MODEL.shape_for("TranslateTextRequest")
_TARGET = f"{_MODEL.metadata['targetPrefix']}.{_OPERATION.name}"
_STATUSES = {error.name: error.metadata["error"]["httpStatusCode"] for error in _OPERATION.error_shapes}

Allow = Callable[[str, str, str], bool]
"""Decides whether the signer of an Authorization header may take an action on the ARN of a resource."""


@dataclass(frozen=True)
class TextToTranslate:
    """A valid request; languages by their codes."""

    text: str
    source: str
    target: str


@dataclass(frozen=True)
class Fault:
    """How a call fails: after `seconds`, with an error `code` of the service or with no response at all.

    With seconds alone it succeeds, but late.
    """

    code: str = ""
    seconds: float = 0.0
    drops: bool = False


class _Refused(Exception):
    """The service answers with an error: its code and message."""


class Translate(Server):
    """Serves TranslateText to signers whom `allow` permits it.

    `fault` decides by a valid request how it fails; tests set it, and may count the requests there.
    """

    def __init__(self, allow: Allow, apertium: Apertium) -> None:
        self.fault: Callable[[TextToTranslate], Fault | None] = lambda _: None
        self._allow = allow
        self._apertium = apertium

    def runner(self) -> web.ServerRunner:
        """Serve all paths alike: the operation is in a header."""
        return web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        try:
            wanted = await self._read(request)
            await self._fail(request, wanted)
        except _Refused as refused:
            code, message = refused.args
            error = {"__type": code, "message": message}
            status = _STATUSES.get(code, 400)
            return web.json_response(error, status=status, content_type="application/x-amz-json-1.1")
        translated = await self._apertium.translate(wanted.text, wanted.source, wanted.target)
        result = {
            "TranslatedText": translated or f"[{wanted.target}] {wanted.text}",
            "SourceLanguageCode": wanted.source,
            "TargetLanguageCode": wanted.target,
        }
        return web.json_response(result, content_type="application/x-amz-json-1.1")

    async def _read(self, request: web.BaseRequest) -> TextToTranslate:
        """Return the request once it is permitted and valid. Raises _Refused."""
        # Only AWS's SDKs sign. A call without a signature may come from a web page in a browser.
        authorization = request.headers.get("authorization", "")
        if "AWS4-HMAC-SHA256" not in authorization:
            raise _Refused("MissingAuthenticationTokenException", "Missing Authentication Token")
        if request.headers.get("x-amz-target") != _TARGET:
            raise _Refused("UnknownOperationException", f"The local system serves {_TARGET} only.")
        if not await asyncio.to_thread(self._allow, authorization, ACTION, "*"):
            raise _Refused("AccessDeniedException", f"No {ACTION}")
        return _validate(await request.read())

    async def _fail(self, request: web.BaseRequest, wanted: TextToTranslate) -> None:
        fault = self.fault(wanted)
        if fault is None:
            return
        await asyncio.sleep(fault.seconds)
        if fault.drops and request.transport:
            request.transport.abort()
        if fault.code:
            raise _Refused(fault.code, "A test asked for this error.")


def _validate(body: bytes) -> TextToTranslate:
    """Return the request, which is valid by the SDK's model and the service's limits. Raises _Refused."""
    try:
        request: Any = json.loads(body)
    except ValueError as problem:
        raise _Refused("SerializationException", str(problem)) from None
    if problems := list(service_model.wrong_types(_REQUEST, request)):
        raise _Refused("SerializationException", "; ".join(problems))
    size = len((request.get("Text") or "").encode(errors="surrogatepass"))
    if size > TEXT_LIMIT_BYTES:
        message = (
            f"Input text size exceeds limit. Max length of request text allowed is {TEXT_LIMIT_BYTES} bytes"
        )
        raise _Refused(
            "TextSizeLimitExceededException", f"{message} while in this request it is {size} bytes"
        )
    if problems := list(service_model.violations(_REQUEST, request)):
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
        raise _Refused("ValidationException", f"{count}: {'; '.join(problems)}")
    if request.get("TerminologyNames"):
        raise _Refused("ResourceNotFoundException", "The local system has no terminologies.")
    wanted = TextToTranslate(request["Text"], request["SourceLanguageCode"], request["TargetLanguageCode"])
    if wanted.source == "auto":
        raise _Refused("InvalidRequestException", "The local system does not detect languages.")
    if not {wanted.source, wanted.target} <= LANGUAGES:
        pair = f"from {wanted.source} to {wanted.target}"
        raise _Refused("UnsupportedLanguagePairException", f"Unsupported language pair: {pair}.")
    return wanted
