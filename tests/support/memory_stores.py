"""The stores in memory. Each passes the same contract tests as its DynamoDB table.

A write holds a lock, because a write to DynamoDB is atomic.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any

from shared.audience.connection import Connection, Role, SessionRef
from shared.audience.ports import DueSession, Places
from shared.audio.chunk import AudioChunk
from shared.captions.caption import Caption, CaptionPage, PublishRefused, StoredCaption
from shared.sessions.keys import IdempotencyKey, KeyRow, KeyTaken
from shared.sessions.list import Page, Position
from shared.sessions.ports import SessionStore
from shared.sessions.session import ConditionFailed, Language, Precondition, Session, SessionPatch, Status


class MemorySessions:
    """The SessionStore: `rows` by session id."""

    def __init__(self) -> None:
        self.rows: dict[str, Session] = {}
        self._lock = Lock()

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        with self._lock:
            current = self.rows.get(session.id)
            if current and current.expires_at >= reusable_before:
                return ConditionFailed(current)
            self.rows[session.id] = session
            return session

    def get(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    def update(
        self, session_id: str, patch: SessionPatch, precondition: Precondition
    ) -> Session | ConditionFailed:
        with self._lock:
            current = self.rows.get(session_id)
            if current is None or precondition.refusal(current):
                return ConditionFailed(current)
            updated = replace(current, **patch.assignments(precondition.now), version=current.version + 1)
            self.rows[session_id] = updated
            return updated


class MemoryKeys:
    """The KeyStore over a SessionStore: `rows` by digest."""

    def __init__(self, sessions: SessionStore) -> None:
        self.rows: dict[str, KeyRow] = {}
        self._sessions = sessions
        self._lock = Lock()

    def add_with_key(
        self, session: Session, key: IdempotencyKey, *, reusable_before: int
    ) -> Session | KeyTaken | ConditionFailed:
        with self._lock:
            row = self.rows.get(key.digest)
            if row and row.expires_at > session.created_at // 1000:
                return session if row.write_id == key.write_id else KeyTaken(row)
            result = self._sessions.add(session, reusable_before=reusable_before)
            if result is session:
                self.rows[key.digest] = KeyRow(*key, session.id, session.created_at, session.expires_at)
            return result

    def get(self, digest: str) -> KeyRow | None:
        return self.rows.get(digest)


class MemorySpeakerIndex:
    """The SessionIndex over a MemorySessions."""

    def __init__(self, store: MemorySessions) -> None:
        self._store = store

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        matching = sorted(
            (
                session
                for session in self._store.rows.values()
                if session.speaker == speaker and session.created_at >= since
                if status in (None, session.status)
                if after is None or _position(session) < after
            ),
            key=_position,
            reverse=True,
        )
        return Page(matching[:limit], _position(matching[limit - 1]) if len(matching) > limit else None)


class MemoryAudioStream:
    """The AudioStream: `chunks` in the order in which they were put."""

    def __init__(self) -> None:
        self.chunks: list[AudioChunk] = []

    def put(self, chunk: AudioChunk) -> None:
        self.chunks.append(chunk)


class MemoryConnections:
    """The ConnectionStore: `rows` by session id and connection id."""

    def __init__(self, *rows: Connection) -> None:
        self.rows = {(row.session_id, row.id): row for row in rows}
        self._lock = Lock()

    def add(self, connection: Connection) -> bool:
        with self._lock:
            return self.rows.setdefault((connection.session_id, connection.id), connection) == connection

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        with self._lock:
            key = connection.session_id, connection.id
            if key not in self.rows:
                return False
            self.rows[key] = replace(self.rows[key], admitted_at=now, expires_at=expires_at)
            return True

    def set_language(self, session_id: str, connection_id: str, language: Language, now: int) -> bool:
        with self._lock:
            key = session_id, connection_id
            row = self.rows.get(key)
            if row is None or row.role is not Role.LISTENER or row.admitted_at is None or not row.live(now):
                return False
            self.rows[key] = replace(row, target_language=language)
            return True

    def get(self, session_id: str, connection_id: str) -> Connection | None:
        return self.rows.get((session_id, connection_id))

    def remove(self, session_id: str, connection_id: str) -> None:
        with self._lock:
            self.rows.pop((session_id, connection_id), None)

    def remove_waiting(self, session_id: str, connection_id: str) -> bool:
        with self._lock:
            row = self.rows.get((session_id, connection_id))
            if row and row.admitted_at is not None:
                return False
            self.rows.pop((session_id, connection_id), None)
            return True

    def remove_all(self, session_id: str, connection_ids: Iterable[str]) -> None:
        for connection_id in connection_ids:
            self.remove(session_id, connection_id)

    def of_session(self, session_id: str) -> list[Connection]:
        with self._lock:
            return [row for _, row in sorted(self.rows.items()) if row.session_id == session_id]


class MemoryPlaces:
    """The PlaceStore: `rows` by session."""

    def __init__(self) -> None:
        self.rows: dict[SessionRef, Places] = {}
        self._lock = Lock()

    def take(self, session: SessionRef, *, limit: int, delete_at: int) -> Places | None:
        with self._lock:
            places = self.rows.get(session, Places())
            if places.taken >= limit:
                return places
            self.rows[session] = places._replace(taken=places.taken + 1, generation=places.generation + 1)
            return None

    def get(self, session: SessionRef) -> Places:
        return self.rows.get(session, Places())

    def claim_count(self, session: SessionRef, *, counted_at: int, now: int) -> bool:
        with self._lock:
            places = self.rows.get(session)
            if places is None or places.counted_at != counted_at:
                return False
            self.rows[session] = places._replace(counted_at=now)
            return True

    def set_taken(self, session: SessionRef, taken: int, *, generation: int) -> bool:
        with self._lock:
            places = self.rows.get(session, Places())
            if places.generation != generation or taken >= places.taken:
                return False
            self.rows[session] = places._replace(taken=taken)
            return True


class MemoryBookkeeping:
    """The SessionBookkeeping over the rows of a MemorySessions."""

    def __init__(self, sessions: dict[str, Session]) -> None:
        self._sessions = sessions

    def set_listener_count(self, session: SessionRef, count: int) -> Session | None:
        row = self._sessions.get(session.id)
        if row is None or row.created_at != session.created_at:
            return None
        return self._write(row, listener_count=count)

    def set_speaker_connected(self, session: Session, *, since: int, until: int, due_at: int) -> bool:
        row = self._running(session)
        if row is None:
            return False
        self._write(
            row,
            speaker_connected_since=row.speaker_connected_since or since,
            speaker_connected_until=until,
            speaker_absent_since=None,
            absence_announced_at=None,
            due_at=due_at,
        )
        return True

    def set_speaker_absent(self, session: Session, *, since: int, due_at: int) -> bool:
        row = self._running(session)
        if row is None or row.speaker_connected_until != session.speaker_connected_until:
            return False
        self._write(
            row,
            speaker_connected_since=None,
            speaker_connected_until=None,
            speaker_absent_since=since,
            due_at=due_at,
        )
        return True

    def set_absence_announced(self, session: Session, at: int) -> Session | None:
        row = self._running(session)
        if row is None or row.speaker_absent_since != session.speaker_absent_since:
            return None
        return self._write(row, absence_announced_at=at)

    def set_due(self, session_id: str, old: int, new: int | None) -> bool:
        row = self._sessions.get(session_id)
        if row is None or row.due_at != old:
            return False
        self._write(row, due_at=new)
        return True

    def _running(self, session: Session) -> Session | None:
        row = self._sessions.get(session.id)
        return row if row and row.created_at == session.created_at and row.ended_at is None else None

    def _write(self, row: Session, **fields: Any) -> Session:
        self._sessions[row.id] = replace(row, **fields)
        return self._sessions[row.id]


class MemoryDueSessions:
    """The DueSessions over the rows of a MemorySessions, `page_size` a page."""

    def __init__(self, sessions: dict[str, Session], page_size: int = 100) -> None:
        self._sessions = sessions
        self._page_size = page_size

    def pages(self, now: int) -> Iterator[list[DueSession]]:
        due = sorted(
            (row.due_at, row.id)
            for row in self._sessions.values()
            if row.due_at is not None and row.due_at <= now // 1000
        )
        for start in range(0, len(due), self._page_size):
            page = due[start : start + self._page_size]
            yield [DueSession(session_id, due_at) for due_at, session_id in page]


class MemoryCaptionHistory:
    """The CaptionHistory: `rows` by session and sequence."""

    def __init__(self) -> None:
        self.rows: dict[tuple[SessionRef, int], StoredCaption] = {}
        self._lock = Lock()

    def add(self, caption: Caption) -> StoredCaption:
        with self._lock:
            return self.rows.setdefault((caption.session, caption.sequence), StoredCaption(caption=caption))

    def set_translations(self, caption: Caption, translations: Mapping[Language, str]) -> None:
        self._set(caption, translations=dict(translations))

    def set_delivered(self, caption: Caption, at: int, *, voice: bool = False) -> None:
        self._set(caption, delivered_at=at, **({"voice": True} if voice else {}))

    def last(self, session: SessionRef, limit: int) -> list[StoredCaption]:
        return self._of_session(session)[-limit:]

    def after(self, session: SessionRef, sequence: int, limit: int) -> CaptionPage:
        rows = [row for row in self._of_session(session) if row.caption.sequence > sequence]
        page, following = rows[:limit], rows[limit : limit + 1]
        return CaptionPage(
            page, page[-1].caption.sequence if following else None, next(iter(following), None)
        )

    def _of_session(self, session: SessionRef) -> list[StoredCaption]:
        return [row for (owner, _), row in sorted(self.rows.items()) if owner == session]

    def _set(self, caption: Caption, **fields: Any) -> None:
        with self._lock:
            key = caption.session, caption.sequence
            if key in self.rows:
                self.rows[key] = replace(self.rows[key], **fields)


class MemoryRateLimits:
    """The UseStore: `uses` and `expires_at` (epoch seconds) by key."""

    def __init__(self) -> None:
        self.uses: dict[str, int] = {}
        self.expires_at: dict[str, int] = {}
        self._lock = Lock()

    def take(self, key: str, limit: int, expires_at: int) -> bool:
        with self._lock:
            if self.uses.get(key, 0) >= limit:
                return False
            self.uses[key] = self.uses.get(key, 0) + 1
            self.expires_at[key] = expires_at
            return True

    def give_back(self, key: str) -> None:
        with self._lock:
            if self.uses.get(key, 0) > 0:
                self.uses[key] -= 1


class MemoryLiveCaptions:
    """The LiveCaptions: `rows` by session, and (minute, characters) by session."""

    def __init__(self, *rows: Caption) -> None:
        self.rows = {row.session: row for row in rows}
        self.characters: dict[SessionRef, tuple[int, int]] = {}
        self._lock = Lock()

    def publish(self, caption: Caption, *, characters_per_minute: int) -> PublishRefused | None:
        with self._lock:
            last = self.rows.get(caption.session)
            minute, counted = self.characters.get(caption.session, (0, 0))
            if last and last.sequence >= caption.sequence:
                return PublishRefused(last, minute)
            if minute < caption.minute:
                minute, counted = caption.minute, 0
            counted += len(caption.text)
            if characters_per_minute and counted > characters_per_minute:
                return PublishRefused(last, minute)
            self.rows[caption.session] = caption
            self.characters[caption.session] = minute, counted
            return None

    def last(self, session: SessionRef) -> Caption | None:
        return self.rows.get(session)


def _position(session: Session) -> Position:
    return Position(session.created_at, session.id)
