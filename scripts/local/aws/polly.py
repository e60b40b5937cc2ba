"""A stand-in for Amazon Polly: SynthesizeSpeech, held to the SDK's own model of the service.

It returns MP3: silence as long as the text would take, or espeak-ng's voice. Functions find it by
AWS_ENDPOINT_URL_POLLY. https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from scripts.local.aws import service_model, silence
from scripts.local.aws.espeak import Espeak
from scripts.local.aws.stand_in import Allow, Refused, StandIn, check, parse

# https://docs.aws.amazon.com/polly/latest/dg/limits.html
TEXT_LIMIT = 3_000
CHARACTERS_PER_SECOND = 15

_NEURAL, _STANDARD = frozenset({"neural"}), frozenset({"standard"})
_BOTH = _NEURAL | _STANDARD

# The languages of some voices, each one's own first, and which of these two engines they have.
# https://docs.aws.amazon.com/polly/latest/dg/available-voices.html
VOICES: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "Bianca": (("it-IT",), _BOTH), "Burcu": (("tr-TR",), _NEURAL), "Camila": (("pt-BR",), _BOTH),
    "Elin": (("sv-SE",), _NEURAL), "Filiz": (("tr-TR",), _STANDARD), "Hala": (("ar-AE",), _NEURAL),
    "Ida": (("nb-NO",), _NEURAL), "Joanna": (("en-US",), _BOTH), "Kajal": (("en-IN", "hi-IN"), _NEURAL),
    "Kazuha": (("ja-JP",), _NEURAL), "Laura": (("nl-NL",), _NEURAL), "Lea": (("fr-FR",), _BOTH),
    "Liv": (("nb-NO",), _STANDARD), "Lucia": (("es-ES",), _BOTH), "Maxim": (("ru-RU",), _STANDARD),
    "Mizuki": (("ja-JP",), _STANDARD), "Naja": (("da-DK",), _STANDARD), "Ola": (("pl-PL",), _NEURAL),
    "Seoyeon": (("ko-KR",), _BOTH), "Sofie": (("da-DK",), _NEURAL), "Suvi": (("fi-FI",), _NEURAL),
    "Tatyana": (("ru-RU",), _STANDARD), "Vicki": (("de-DE",), _BOTH), "Zeina": (("arb",), _STANDARD),
    "Zhiyu": (("cmn-CN",), _BOTH),
}  # fmt: skip

_MODEL = service_model.load("polly")
_REQUEST = _MODEL.shape_for("SynthesizeSpeechInput")


@dataclass(frozen=True)
class TextToSpeak:
    """A valid request; the language by its code."""

    text: str
    voice: str
    engine: str
    language: str


class Polly(StandIn[TextToSpeak]):
    """Serves SynthesizeSpeech."""

    action = "polly:SynthesizeSpeech"
    operation = _MODEL.operation_model("SynthesizeSpeech")
    error_content_type = "application/json"

    def __init__(self, allow: Allow, espeak: Espeak) -> None:
        super().__init__(allow)
        self._espeak = espeak

    def is_call(self, request: web.BaseRequest) -> bool:
        """The operation is the method and the path."""
        http = self.operation.http
        return (request.method, request.path) == (http["method"], http["requestUri"])

    def validate(self, body: bytes) -> TextToSpeak:
        """Return the request. Raises Refused."""
        request = parse(body, _REQUEST)
        check(request, _REQUEST)
        if len(request["Text"]) > TEXT_LIMIT:
            raise Refused("TextLengthExceededException", f"Maximum text length is {TEXT_LIMIT} characters")
        _require_served(request)
        languages, engines = VOICES[request["VoiceId"]]
        wanted = TextToSpeak(
            request["Text"],
            request["VoiceId"],
            request.get("Engine", "standard"),
            request.get("LanguageCode", languages[0]),
        )
        if wanted.engine not in engines:
            message = f"This voice does not support the selected engine: {wanted.engine}"
            raise Refused("EngineNotSupportedException", message)
        if wanted.language not in languages:
            message = f"This voice does not support the language {wanted.language}"
            raise Refused("LanguageNotSupportedException", message)
        return wanted

    async def answer(self, wanted: TextToSpeak) -> web.Response:
        """Return the speech."""
        speech = await self._espeak.speak(wanted.text, wanted.language)
        return web.Response(
            body=speech or silence.mp3(len(wanted.text) / CHARACTERS_PER_SECOND),
            content_type="audio/mpeg",
            headers={"x-amzn-RequestCharacters": str(len(wanted.text))},
        )


def _require_served(request: Mapping[str, object]) -> None:
    """Raise Refused for what Amazon Polly has and this stand-in has not."""
    if request.get("LexiconNames"):
        raise Refused("LexiconNotFoundException", "The local system has no lexicons.")
    if request["OutputFormat"] != "mp3":
        raise Refused("ValidationException", "The local system speaks MP3 only.")
    if request.get("SampleRate", str(silence.SAMPLE_RATE)) != str(silence.SAMPLE_RATE):
        raise Refused("InvalidSampleRateException", f"The local system has {silence.SAMPLE_RATE} Hz only.")
    if request.get("TextType", "text") != "text":
        raise Refused("InvalidSsmlException", "The local system reads no SSML.")
    if request["VoiceId"] not in VOICES:
        raise Refused("ValidationException", f"The local system has no voice {request['VoiceId']}.")
