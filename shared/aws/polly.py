"""Amazon Polly: a text becomes speech, as MP3.

https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, NamedTuple

from botocore.config import Config

from shared.aws import dynamodb
from shared.aws.errors import AWS_ERRORS, error_code, logger
from shared.sessions.session import Language

# Two tries of at most 3 s: the second one is for throttling, which ends within a second.
DEFAULT_CONFIG = dynamodb.DEFAULT_CONFIG


class Voice(NamedTuple):
    """A voice of Amazon Polly, the engine that speaks with it, and the code of its language."""

    id: str
    engine: str
    language_code: str


# Neural where the language has a neural voice; Russian has none. A bilingual voice, such as Kajal, needs the
# code of the language. https://docs.aws.amazon.com/polly/latest/dg/available-voices.html
VOICES: Mapping[Language, Voice] = {
    Language.ENGLISH: Voice("Joanna", "neural", "en-US"),
    Language.SPANISH: Voice("Lucia", "neural", "es-ES"),
    Language.FRENCH: Voice("Lea", "neural", "fr-FR"),
    Language.GERMAN: Voice("Vicki", "neural", "de-DE"),
    Language.ITALIAN: Voice("Bianca", "neural", "it-IT"),
    # Amazon Translate's `pt` is Brazilian: https://docs.aws.amazon.com/translate/latest/dg/what-is-languages.html
    Language.PORTUGUESE: Voice("Camila", "neural", "pt-BR"),
    Language.RUSSIAN: Voice("Tatyana", "standard", "ru-RU"),
    Language.JAPANESE: Voice("Kazuha", "neural", "ja-JP"),
    Language.KOREAN: Voice("Seoyeon", "neural", "ko-KR"),
    Language.CHINESE: Voice("Zhiyu", "neural", "cmn-CN"),
    # Gulf Arabic. The voice of standard Arabic, Zeina, is not neural.
    Language.ARABIC: Voice("Hala", "neural", "ar-AE"),
    Language.HINDI: Voice("Kajal", "neural", "hi-IN"),
    Language.DUTCH: Voice("Laura", "neural", "nl-NL"),
    Language.POLISH: Voice("Ola", "neural", "pl-PL"),
    Language.TURKISH: Voice("Burcu", "neural", "tr-TR"),
    Language.SWEDISH: Voice("Elin", "neural", "sv-SE"),
    Language.DANISH: Voice("Sofie", "neural", "da-DK"),
    Language.NORWEGIAN: Voice("Ida", "neural", "nb-NO"),
    Language.FINNISH: Voice("Suvi", "neural", "fi-FI"),
}


def create_client(*, max_connections: int, config: Config = DEFAULT_CONFIG) -> Any:
    """Return a client. `max_connections` is the number of threads that use it at once."""
    config = config.merge(Config(max_pool_connections=max_connections))
    return dynamodb.sdk_session().create_client("polly", config=config)


class Polly:
    """The Synthesizer. One call takes 3,000 characters; more are an error of Amazon Polly."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def synthesize(self, text: str, language: Language) -> bytes | None:
        """SynthesizeSpeech; None after any error, because captions do not wait for their voice."""
        voice = VOICES[language]
        try:
            response = self._client.synthesize_speech(
                Text=text,
                VoiceId=voice.id,
                Engine=voice.engine,
                LanguageCode=voice.language_code,
                OutputFormat="mp3",
            )
            # The body as a context would be urllib3's, which does not notice that it is cut off.
            with closing(response["AudioStream"]) as body:
                audio: bytes = body.read()
        except AWS_ERRORS as error:
            # No traceback: it might have the text.
            extra = {"reason": error_code(error), "language": language}
            logger.warning("A caption was not spoken", extra=extra)
            return None
        return audio or None
