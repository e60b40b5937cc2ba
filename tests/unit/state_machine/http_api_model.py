"""What the HTTP API promises, and nothing of how: no table, no conditions, no events. Times are epoch ms."""

from dataclasses import dataclass
from typing import Any, NamedTuple

LIFETIME_S, GRACE_S = 24 * 3600, 3 * 3600


class Silence(NamedTuple):
    """DynamoDB's call with this index is never answered; whether it was `carried_out` nobody can say."""

    call: int
    carried_out: bool


@dataclass
class Row:
    """A session as its owner sees it, and what it was asked for with."""

    view: dict[str, Any]
    version: int
    key: str | None
    body: dict[str, str]


class Model:
    """All sessions by id, expired ones until the id is taken again or DynamoDB deletes them."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.rows: dict[str, Row] = {}

    def create(
        self, speaker: str, body: dict[str, str], key: str | None, ids: list[str], silence: Silence | None
    ) -> tuple[int, Row | None]:
        """Take the first id that is free for 3 h, unless the key has its session there."""
        for call, session_id in enumerate(ids):
            row = self.rows.get(session_id)
            free = row is None or row.view["expiresAt"] < self.now // 1000 - GRACE_S
            silent = silence is not None and silence.call == call
            if free and not (silent and silence and not silence.carried_out):
                times = dict.fromkeys(("createdAt", "updatedAt"), self.now)
                view = {"sessionId": session_id, "speakerId": speaker, "status": "active", "listenerCount": 0}
                view |= {"qualityTier": "standard", "expiresAt": self.now // 1000 + LIFETIME_S} | body | times
                self.rows[session_id] = row = Row(view, self.now, key, body)
                return (503, None) if silent else (201, row)
            if silent:
                return 503, None
            mine = key and row and (row.view["speakerId"], row.key) == (speaker, key)
            if mine and row and self.find(session_id):
                same = {"qualityTier": "standard"} | row.body == {"qualityTier": "standard"} | body
                return (201, row) if same else (422, None)
        return 503, None

    def find(self, session_id: str) -> Row | None:
        """Return the session that anybody may see."""
        row = self.rows.get(session_id)
        return row if row and row.view["expiresAt"] > self.now // 1000 else None

    def change(
        self,
        session_id: str,
        speaker: str,
        changes: dict[str, str],
        versions: set[int] | None,
        silence: Silence | None,
    ) -> tuple[int, Row | None]:
        """Refuse by the first of 404, 403, 412, 409; ending twice is fine."""
        row = self.find(session_id)
        if row is None:
            status = 404
        elif row.view["speakerId"] != speaker:
            status = 403
        elif versions is not None and row.version not in versions:
            status = 412
        elif row.view["status"] == "ended":
            ends_again = changes.get("status") == "ended" and row.view | changes == row.view
            status = 200 if ends_again else 409
        else:
            status = 200
            if not silence or silence.carried_out:
                ended = {"endedAt": self.now} if changes.get("status") == "ended" else {}
                row.view |= changes | {"updatedAt": self.now} | ended
                row.version += 1
        return (503, None) if silence else (status, row if status == 200 else None)

    def listed(self, speaker: str, status: str | None, before: int | None = None) -> list[dict[str, Any]]:
        """Return the speaker's live sessions, newest first, those opened before a moment alone."""
        views = [row.view for session_id, row in self.rows.items() if self.find(session_id)]
        return sorted(
            (
                view
                for view in views
                if view["speakerId"] == speaker
                and status in (None, view["status"])
                and (before is None or view["createdAt"] < before)
            ),
            key=lambda view: -view["createdAt"],
        )
