"""The load of a launch: how many listeners join, captions are sent and sessions end in a second.

tests/stress/scale simulates this load. docs/quotas.md and `make quotas` compare it with AWS's quotas.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

ARRIVAL_MINUTES = 10
END_MINUTES = 5
"""Listeners join in the first minutes, evenly, and all sessions end within some minutes after that."""

COUNT_WINDOW_S = 1.0
"""The batching window of connections_changed: a session is counted once for all joins in it."""

HEARTBEATS_PER_HOUR = 12  # of a connection
UPDATES_PER_HOUR = 4  # of a session, each posted to every connection
CONNECTION_BYTES = 160  # of a row
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
COLD_MS = 400  # that a cold start adds to an invocation
POST_MS = 1.2  # of one processor for each connection that gets a caption

CAPTION_INTERVAL_S = 3.0  # between two captions of a session
LANGUAGES = 5  # that the listeners of a session choose, in addition to its speaker's
CAPTION_CHARACTERS = 42
CHARACTER_BYTES = 1.5  # in UTF-8, of all languages
CAPTION_ITEM_BYTES = 250  # of a stored caption, without its texts
LAST_CAPTIONS = 20  # that a listener gets after joining

DEVIATIONS = 4
"""Standard deviations above the mean that the busiest second of some minutes does not exceed."""


class Units(NamedTuple):
    """Request units of one table, as billed: with those of the table's indexes."""

    writes: float = 0
    reads: float = 0


CREATE: Mapping[str, Units] = {
    "sessions": Units(writes=8),
    "idempotency_keys": Units(writes=2),
    "rate_limits": Units(writes=1),
}
"""Units by table of a create with a key. A transaction costs twice the units."""

GET: Mapping[str, Units] = {"sessions": Units(reads=1)}
JOIN: Mapping[str, Units] = {
    "rate_limits": Units(writes=1),
    "sessions": Units(reads=2),
    "connections": Units(writes=2),
    "audiences": Units(writes=1),
}


PUBLISH: Mapping[str, Units] = {"sessions": Units(reads=1), "live_captions": Units(writes=1)}


def caption_bytes(languages: float) -> float:
    """Return the size of a caption that is stored with translations into so many languages."""
    return CAPTION_ITEM_BYTES + CAPTION_CHARACTERS * CHARACTER_BYTES * (1 + languages)


def write_units(size: float) -> int:
    """Return the write request units of an item of so many bytes."""
    return math.ceil(size / WRITE_UNIT_BYTES)


def read_units(size: float) -> int:
    """Return the read request units of a consistent read of so many bytes."""
    return math.ceil(size / READ_UNIT_BYTES)


def send_units(listeners: int, languages: int) -> dict[str, Units]:
    """Return the units by table of translating one caption and sending it to so many listeners.

    The connections are read again, and the caption is written again, after it has been translated.
    """
    times = 2 if languages else 1
    return {
        "sessions": Units(reads=1),
        "captions": Units(writes=1 + times * write_units(caption_bytes(languages))),
        "connections": Units(reads=times * _query(listeners)),
    }


def welcome_units(languages: int) -> dict[str, Units]:
    """Return the units by table of the first messages to a listener who has joined."""
    return {
        "sessions": Units(reads=1),
        "captions": Units(reads=read_units(LAST_CAPTIONS * caption_bytes(languages))),
    }


def list_units(languages: int) -> dict[str, Units]:
    """Return the units by table of a page of captions, which is read eventually consistent."""
    last = welcome_units(languages)
    return {"sessions": Units(reads=1), "captions": Units(reads=last["captions"].reads / 2)}


def count_units(listeners: int) -> dict[str, Units]:
    """Return the units by table of one count of a session with so many listeners."""
    return {"connections": Units(reads=_query(listeners)), "audiences": Units(reads=1), "sessions": Units(2)}


def end_units(listeners: int) -> dict[str, Units]:
    """Return the units by table of the end of a session with so many listeners.

    The end deletes each row, and $disconnect deletes it once more, which costs a unit too.
    """
    return {
        "sessions": Units(writes=9),
        "connections": Units(writes=2 * (listeners + 1), reads=_query(listeners)),
    }


@dataclass(frozen=True)
class LaunchLoad:
    """So many sessions, each with so many listeners, who join within `arrival_minutes`.

    In each session somebody speaks all the time: a caption every `caption_interval_s`, which is translated
    into `languages`. Rates are means per second; `busiest_second` gives their peaks.
    """

    sessions: int
    listeners: int
    arrival_minutes: float = ARRIVAL_MINUTES
    caption_interval_s: float = CAPTION_INTERVAL_S
    languages: int = LANGUAGES

    @property
    def connections(self) -> int:
        """All listeners and speakers."""
        return self.sessions * (self.listeners + 1)

    @property
    def creates(self) -> float:
        """Sessions created, which is also how often speakers sign in."""
        return self.sessions / (self.arrival_minutes * 60)

    @property
    def joins(self) -> float:
        """Handshakes of listeners and speakers. Clients read the session before each."""
        return self.connections / (self.arrival_minutes * 60)

    @property
    def joins_of_one_session(self) -> float:
        """Handshakes of one session."""
        return (self.listeners + 1) / (self.arrival_minutes * 60)

    @property
    def counts(self) -> float:
        """Counts while listeners join: one for each session and window in which anybody has joined it."""
        any_join = -math.expm1(-self.joins_of_one_session * COUNT_WINDOW_S)
        return self.sessions * any_join / COUNT_WINDOW_S

    @property
    def heartbeats(self) -> float:
        """Heartbeats of all connections."""
        return self.connections * HEARTBEATS_PER_HOUR / 3600

    @property
    def updates(self) -> float:
        """Sessions updated; each update is posted to every connection of its session."""
        return self.sessions * UPDATES_PER_HOUR / 3600

    @property
    def captions(self) -> float:
        """Captions published; each is posted to every connection of its session."""
        return self.sessions / self.caption_interval_s

    @property
    def ends(self) -> float:
        """Sessions ended; the end is posted to every connection, which is then closed and disconnects."""
        return self.sessions / (END_MINUTES * 60)


def busiest_second(mean: float) -> int:
    """Return how many of independent events with this mean per second happen in the busiest second.

    Their number has a Poisson distribution, whose variance is its mean.
    """
    return math.ceil(mean + DEVIATIONS * math.sqrt(mean))


def _query(listeners: int) -> int:
    return read_units((listeners + 1) * CONNECTION_BYTES)
