"""The voice bucket: the speech of captions as MP3, which S3 deletes once their session has expired.

It can be read only with a URL that the function has signed.
"""

from typing import Any

from botocore.config import Config
from botocore.handlers import remove_bucket_from_url_paths_from_model

from shared.aws import dynamodb
from shared.aws.errors import AWS_ERRORS, error_code, logger
from shared.captions.caption import Caption
from shared.sessions.session import Language

URL_LIFETIME_S = 600

DEFAULT_CONFIG = dynamodb.DEFAULT_CONFIG.merge(
    Config(
        # Objects that are encrypted with KMS can only be read with it.
        signature_version="s3v4",
        # Otherwise us-east-1 alone has the endpoint of all regions.
        s3={"us_east_1_regional_endpoint": "regional"},
        # S3 checks the content's SHA-256, which is signed.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
)


def create_client(*, max_connections: int, config: Config = DEFAULT_CONFIG) -> Any:
    """Return a client. `max_connections` is the number of threads that use it at once."""
    config = config.merge(Config(max_pool_connections=max_connections))
    client = dynamodb.sdk_session().create_client("s3", config=config)
    # One of botocore's own handlers, without which URLs have the bucket twice.
    client.meta.events.register("before-parameter-build.s3", remove_bucket_from_url_paths_from_model)
    return client


class VoiceBucket:
    """The VoiceStore on S3."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def add(self, caption: Caption, language: Language, audio: bytes) -> str | None:
        """PutObject, and sign a URL; None after any error, because captions do not wait for their voice."""
        place = {
            "Bucket": self._bucket,
            "Key": f"{caption.session.key}/{caption.sequence}/{language}.mp3",
        }
        try:
            self._client.put_object(**place, Body=audio, ContentType="audio/mpeg")
            # Without a call. The URL ends earlier if the credentials of the function's role do.
            url: str = self._client.generate_presigned_url(
                "get_object", Params=place, ExpiresIn=URL_LIFETIME_S
            )
        except AWS_ERRORS as error:
            extra = {"reason": error_code(error), "language": language}
            logger.warning("The voice of a caption was not stored", extra=extra)
            return None
        return url
