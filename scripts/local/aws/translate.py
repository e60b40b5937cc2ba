"""A stand-in for Amazon Translate: TranslateText, held to the SDK's own model of the service.

It returns the text with the target language before it, `[es] text`, or translates with Apertium. Functions
find it by AWS_ENDPOINT_URL_TRANSLATE. https://docs.aws.amazon.com/translate/latest/APIReference/API_TranslateText.html
"""

from dataclasses import dataclass

from aiohttp import web

from scripts.local.aws import service_model
from scripts.local.aws.apertium import Apertium
from scripts.local.aws.stand_in import Allow, Refused, StandIn, check, parse

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
_REQUEST = _MODEL.shape_for("TranslateTextRequest")
_CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class TextToTranslate:
    """A valid request; languages by their codes."""

    text: str
    source: str
    target: str


class Translate(StandIn[TextToTranslate]):
    """Serves TranslateText."""

    action = "translate:TranslateText"
    operation = _MODEL.operation_model("TranslateText")
    error_content_type = _CONTENT_TYPE

    def __init__(self, allow: Allow, apertium: Apertium) -> None:
        super().__init__(allow)
        self._apertium = apertium

    def is_call(self, request: web.BaseRequest) -> bool:
        """The operation is in a header."""
        target = f"{_MODEL.metadata['targetPrefix']}.{self.operation.name}"
        return request.headers.get("x-amz-target") == target

    def validate(self, body: bytes) -> TextToTranslate:
        """Return the request. Raises Refused."""
        request = parse(body, _REQUEST)
        size = len((request.get("Text") or "").encode(errors="surrogatepass"))
        if size > TEXT_LIMIT_BYTES:
            limit = f"Max length of request text allowed is {TEXT_LIMIT_BYTES} bytes"
            message = f"Input text size exceeds limit. {limit} while in this request it is {size} bytes"
            raise Refused("TextSizeLimitExceededException", message)
        check(request, _REQUEST)
        if request.get("TerminologyNames"):
            raise Refused("ResourceNotFoundException", "The local system has no terminologies.")
        wanted = TextToTranslate(
            request["Text"], request["SourceLanguageCode"], request["TargetLanguageCode"]
        )
        if wanted.source == "auto":
            raise Refused("InvalidRequestException", "The local system does not detect languages.")
        if not {wanted.source, wanted.target} <= LANGUAGES:
            pair = f"from {wanted.source} to {wanted.target}"
            raise Refused("UnsupportedLanguagePairException", f"Unsupported language pair: {pair}.")
        return wanted

    async def answer(self, wanted: TextToTranslate) -> web.Response:
        """Return the translation."""
        translated = await self._apertium.translate(wanted.text, wanted.source, wanted.target)
        result = {
            "TranslatedText": translated or f"[{wanted.target}] {wanted.text}",
            "SourceLanguageCode": wanted.source,
            "TargetLanguageCode": wanted.target,
        }
        return web.json_response(result, content_type=_CONTENT_TYPE)
