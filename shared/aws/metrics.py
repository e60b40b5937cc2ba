"""Logs and metrics, as lines on standard output: nothing is called while a client waits."""

import hashlib
import json
import logging
import sys
import time
from collections.abc import Mapping

from shared.sessions.session import Session

NAMESPACE = "SessionManagement"
SESSION_CREATION_COUNT = "SessionCreationCount"
SESSION_DELETION_COUNT = "SessionDeletionCount"
SESSION_DURATION_SECONDS = "SessionDurationSeconds"
SESSION_ID_CLASH_COUNT = "SessionIdClashCount"
RATE_LIMIT_UNAVAILABLE_COUNT = "RateLimitUnavailableCount"
LISTENER_COUNT = "ListenerCount"

logger = logging.getLogger("request")


def log_request(fields: Mapping[str, object], *, bug: BaseException | None = None) -> None:
    """One line per request. With log format JSON, Lambda's runtime client makes each field a key of it."""
    level = logging.ERROR if bug else logging.INFO
    present = {name: value for name, value in fields.items() if value is not None}
    logger.log(level, "%s %s", fields["route"], fields["status"], extra=present, exc_info=bug)


def speaker_digest(subject: str) -> str:
    """A name for a speaker that tells requests apart and says nothing about the person."""
    return hashlib.sha256(subject.encode()).hexdigest()[:16]


class EmbeddedMetrics:
    """The domain's Metrics in CloudWatch embedded metric format: lines of JSON that become metrics.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def session_created(self, session: Session) -> None:
        """Count 1, in all and by language."""
        self._emit({SESSION_CREATION_COUNT: (1, "Count")}, {"SourceLanguage": session.source_language})

    def session_ended(self, session: Session) -> None:
        """Count 1, and the seconds from creation to end."""
        seconds = ((session.ended_at or session.updated_at) - session.created_at) / 1000
        self._emit({SESSION_DELETION_COUNT: (1, "Count"), SESSION_DURATION_SECONDS: (seconds, "Seconds")})

    def session_id_clash(self) -> None:
        """Count 1: many of them say that it is time to raise `session_id_digits`."""
        self._emit({SESSION_ID_CLASH_COUNT: (1, "Count")})

    def rate_limit_unavailable(self) -> None:
        """Count 1: somebody went uncounted because the rate limits table did not answer."""
        self._emit({RATE_LIMIT_UNAVAILABLE_COUNT: (1, "Count")})

    def listeners_counted(self, count: int) -> None:
        """How many listen to one session. Its Maximum is the largest audience; a Sum of it means nothing."""
        self._emit({LISTENER_COUNT: (count, "Count")})

    def _emit(
        self, metrics: Mapping[str, tuple[float, str]], dimensions: Mapping[str, str] | None = None
    ) -> None:
        dimensions = dimensions or {}
        line = {
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Environment"], *[["Environment", name] for name in dimensions]],
                        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
                    }
                ],
            },
            "Environment": self._environment,
            **dimensions,
            **{name: value for name, (value, _) in metrics.items()},
        }
        sys.stdout.write(json.dumps(line) + "\n")
