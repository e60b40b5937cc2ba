"""Amazon Translate: a text in one language becomes a text in another.

https://docs.aws.amazon.com/translate/latest/APIReference/API_TranslateText.html
"""

from typing import Any

from botocore.config import Config

from shared.aws import dynamodb
from shared.aws.errors import AWS_ERRORS, again_if_closed, error_code, logger
from shared.sessions.session import Language

# One try of at most 1 s: then the caption is sent as it was spoken. A long text takes more than half of it.
DEFAULT_CONFIG = dynamodb.FAIL_FAST_CONFIG.merge(Config(connect_timeout=0.3, read_timeout=0.7))


def create_client(*, max_connections: int, config: Config = DEFAULT_CONFIG) -> Any:
    """Return a client that tries once, for at most 1 s.

    `max_connections` is the number of threads that use the client at once.
    """
    config = config.merge(Config(max_pool_connections=max_connections))
    client = dynamodb.sdk_session().create_client("translate", config=config)
    client.meta.events.register("before-parse.translate", dynamodb.require_json)
    return client


class Translate:
    """The Translator. A caption has fewer than the 10,000 bytes that one call translates."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def translate(self, text: str, *, source: Language, target: Language) -> str | None:
        """TranslateText; None after any error, because the source text is better than no caption."""
        request = {"Text": text, "SourceLanguageCode": source, "TargetLanguageCode": target}
        try:
            response = again_if_closed(self._client.translate_text, **request)
        except AWS_ERRORS as error:
            # No traceback: it might have the text.
            extra = {"reason": error_code(error), "source": source, "target": target}
            logger.warning("A caption was not translated", extra=extra)
            return None
        text_in_target: str | None = response.get("TranslatedText")
        return text_in_target or None
