"""A model of the HTTP API: what it documents, without tables, conditions or events. Times are epoch ms."""

from dataclasses import dataclass
from typing import Any, NamedTuple

LIFETIME_S, GRACE_S = 24 * 3600, 3 * 3600


class FailedCall(NamedTuple):
    """The index of the DynamoDB call that gets no response, and whether DynamoDB has applied it."""

    index: int
    applied: bool


@dataclass
class Row:
    """A session: its owner view and version."""

    view: dict[str, Any]
    version: int


class Key(NamedTuple):
    """The session that an idempotency key has created, and the body of that request."""

    session_id: str
    body: dict[str, str]
    expires_at: int


class Model:
    """Sessions by id, and keys by speaker. An expired one stays until it is reused or DynamoDB deletes it.

    Operations return the expected status, and the session that the response shows, if any.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.rows: dict[str, Row] = {}
        self.keys: dict[tuple[str, str], Key] = {}

    def create(
        self, speaker: str, body: dict[str, str], key: str | None, ids: list[str], failed: FailedCall | None
    ) -> tuple[int, Row | None]:
        """Repeat the response for the key, or take the first id whose session expired more than 3 h ago.

        The calls are one for each id, and one that reads the session of a key.
        """
        known = self.keys.get((speaker, key)) if key else None
        if known and known.expires_at > self.now // 1000:
            standard = {"qualityTier": "standard"}
            if failed and failed.index == 0:
                return 503, None
            if standard | known.body != standard | body:
                return 422, None
            return (503, None) if failed and failed.index == 1 else (201, self.rows[known.session_id])
        for index, session_id in enumerate(ids):
            row = self.rows.get(session_id)
            free = row is None or row.view["expiresAt"] < self.now // 1000 - GRACE_S
            fails = failed is not None and failed.index == index
            if free and not (failed and fails and not failed.applied):
                times = dict.fromkeys(("createdAt", "updatedAt"), self.now)
                view = {
                    "sessionId": session_id,
                    "speakerId": speaker,
                    "status": "active",
                    "listenerCount": 0,
                    "maxListeners": 500,
                }
                view |= {"qualityTier": "standard", "expiresAt": self.now // 1000 + LIFETIME_S} | body | times
                self.rows[session_id] = row = Row(view, self.now)
                if key:
                    self.keys[speaker, key] = Key(session_id, body, view["expiresAt"])
                return (503, None) if fails else (201, row)
            if fails:
                return 503, None
        return 503, None

    def get(self, session_id: str) -> Row | None:
        """Return the session unless it has expired."""
        row = self.rows.get(session_id)
        return row if row and row.view["expiresAt"] > self.now // 1000 else None

    def update(
        self,
        session_id: str,
        speaker: str,
        changes: dict[str, str],
        versions: set[int] | None,
        failed: FailedCall | None,
    ) -> tuple[int, Row | None]:
        """Change the session; errors take precedence in the order 404, 403, 412, 409.

        `versions` are those that If-Match accepts, None for any. Ending an ended session succeeds.
        """
        row = self.get(session_id)
        if row is None:
            status = 404
        elif row.view["speakerId"] != speaker:
            status = 403
        elif versions is not None and row.version not in versions:
            status = 412
        elif row.view["status"] == "ended":
            already_applied = changes.get("status") == "ended" and row.view | changes == row.view
            status = 200 if already_applied else 409
        else:
            status = 200
            if not failed or failed.applied:
                ended = (
                    {"endedAt": self.now, "endReason": "ended"} if changes.get("status") == "ended" else {}
                )
                row.view |= changes | {"updatedAt": self.now} | ended
                row.version += 1
        return (503, None) if failed else (status, row if status == 200 else None)

    def views_of(
        self, speaker: str, status: str | None, created_before: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the owner views of the speaker's sessions, newest first, without expired ones."""
        views = [row.view for session_id, row in self.rows.items() if self.get(session_id)]
        return sorted(
            (
                view
                for view in views
                if view["speakerId"] == speaker
                and status in (None, view["status"])
                and (created_before is None or view["createdAt"] < created_before)
            ),
            key=lambda view: -view["createdAt"],
        )
