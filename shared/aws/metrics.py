"""CloudWatch metrics as log lines, in embedded metric format: no call is made while a client waits.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.audience.join import Outcome
    from shared.sessions.session import Session

NAMESPACE = "SessionManagement"
SESSION_CREATION_COUNT = "SessionCreationCount"
SESSION_DELETION_COUNT = "SessionDeletionCount"
SESSION_DURATION_SECONDS = "SessionDurationSeconds"
SESSION_ID_CLASH_COUNT = "SessionIdClashCount"
RATE_LIMIT_UNAVAILABLE_COUNT = "RateLimitUnavailableCount"
LISTENER_COUNT = "ListenerCount"
CAPTION_COUNT = "CaptionCount"
CAPTION_LATENCY = "CaptionLatency"
CAPTION_CHARACTERS = "CaptionCharacters"
TRANSLATION_FAILURE_COUNT = "TranslationFailureCount"
UNDELIVERED_CAPTION_COUNT = "UndeliveredCaptionCount"
VOICE_COUNT = "VoiceCount"
VOICE_LATENCY = "VoiceLatency"
VOICE_CHARACTERS = "VoiceCharacters"
VOICE_DROPPED_COUNT = "VoiceDroppedCount"
JOIN_COUNT = "JoinCount"


class EmbeddedMetrics:
    """The service's metrics, with the dimension `Environment`."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def session_created(self, session: "Session") -> None:
        """Count 1, in total and by source language."""
        self._emit({SESSION_CREATION_COUNT: (1, "Count")}, {"SourceLanguage": session.source_language})

    def session_ended(self, session: "Session") -> None:
        """Count 1, and record the seconds from creation to end."""
        seconds = ((session.ended_at or session.updated_at) - session.created_at) / 1000
        self._emit({SESSION_DELETION_COUNT: (1, "Count"), SESSION_DURATION_SECONDS: (seconds, "Seconds")})

    def session_id_clash(self) -> None:
        """Count 1. Frequent clashes mean that `session_id_digits` should be raised."""
        self._emit({SESSION_ID_CLASH_COUNT: (1, "Count")})

    def rate_limit_unavailable(self) -> None:
        """Count 1: a use was not counted because the rate limits table did not answer."""
        self._emit({RATE_LIMIT_UNAVAILABLE_COUNT: (1, "Count")})

    def listeners_counted(self, count: int) -> None:
        """Record the listeners of one session: its Maximum is the largest audience, its Sum means nothing."""
        self._emit({LISTENER_COUNT: (count, "Count")})

    def caption_handled(self, *, latency_ms: int, characters: int, failures: int, undelivered: int) -> None:
        """Count 1, and record the time from publication to the last connection and what was translated.

        The figures of one caption are one line, because lines are what is billed.
        """
        self._emit(
            {
                CAPTION_COUNT: (1, "Count"),
                CAPTION_LATENCY: (latency_ms, "Milliseconds"),
                CAPTION_CHARACTERS: (characters, "Count"),
                TRANSLATION_FAILURE_COUNT: (failures, "Count"),
                UNDELIVERED_CAPTION_COUNT: (undelivered, "Count"),
            }
        )

    def caption_spoken(self, *, latency_ms: int, characters: int, spoken: int, dropped: int) -> None:
        """Count the voices of one caption, and record the time from its publication if any was sent."""
        latency: dict[str, tuple[float, str]] = {VOICE_LATENCY: (latency_ms, "Milliseconds")}
        self._emit(
            {
                VOICE_COUNT: (spoken, "Count"),
                VOICE_CHARACTERS: (characters, "Count"),
                VOICE_DROPPED_COUNT: (dropped, "Count"),
                **(latency if spoken else {}),
            }
        )

    def join_ended(self, outcome: "Outcome") -> None:
        """Count one join under its outcome. There is no total, because no alarm needs one."""
        self._emit({JOIN_COUNT: (1, "Count")}, {"Outcome": outcome}, total=False)

    def _emit(
        self,
        metrics: Mapping[str, tuple[float, str]],
        dimensions: Mapping[str, str] | None = None,
        *,
        total: bool = True,
    ) -> None:
        """Write the metrics by each of the dimensions and, if `total`, for all of its values together."""
        dimensions = dimensions or {}
        by_value = [["Environment", name] for name in dimensions]
        line = {
            "_aws": {
                "Timestamp": time.time_ns() // 1_000_000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Environment"], *by_value] if total else by_value,
                        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
                    }
                ],
            },
            "Environment": self._environment,
            **dimensions,
            **{name: value for name, (value, _) in metrics.items()},
        }
        sys.stdout.write(json.dumps(line) + "\n")
