"""A model of the table streams: how late a listener count is written, and how late an end reaches everybody.

Every shard of a stream has lanes (its parallelization factor). A lane runs one invocation at a time, with the
records of its rows in order. Shards share nothing but the account's quotas, so each is simulated alone.

- An idle lane polls four times a second. A busy lane reads the next batch as soon as it is free. With a
  batching window it then waits until the batch is full or the window has passed.
  https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
- A function has memory / 1,769 MB of a processor, and at most one: Python runs one thread at a time.
- n calls from t threads take the longer of their CPU time and of a t-th of their whole time.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil

from scripts import launch_load
from tests.stress.benchmarks.cpu_quota import processors

JOIN_S, END_S = launch_load.ARRIVAL_MINUTES * 60.0, launch_load.END_MINUTES * 60.0
"""Listeners join in the first minutes, sessions end in those after them."""

# Assumptions about AWS that no benchmark on one machine can measure.
POLL_S = 0.25
INVOKE_S = 0.02
CALL_S = 0.01
"""Seconds from one poll to the next, from a batch to its function, and of one call over the network."""

DELETES = 25
"""Rows in a BatchWriteItem. Without batches the model also handles the removals of so many rows together."""

SPEAKER_INTERVAL_S, RETRY_S, RETRY_UNTIL_S = 1.0, 0.25, 1.5
"""The earlier limit of one `audience` message per second, for which a function counted again and waited."""


@dataclass(frozen=True)
class Costs:
    """CPU seconds of a call, of an invocation and of each record; `row` is one more row of a query."""

    post: float
    close: float
    query: float
    row: float
    update: float
    delete: float
    batch_delete: float
    invocation: float
    record: float

    def of_query(self, rows: int) -> float:
        return self.query + self.row * rows


@dataclass(frozen=True)
class Consumer:
    """An event source mapping and its function."""

    lanes: int
    batch_size: int
    window_s: float
    memory_mb: int
    threads: int

    def seconds(self, cpu_s: float, calls: int, threads: int | None = None) -> float:
        """Return how long so many calls with this CPU time in total take, by default from all threads."""
        cpu_s /= min(1.0, processors(self.memory_mb))
        return max(cpu_s, (cpu_s + calls * CALL_S) / (threads or self.threads))


@dataclass(frozen=True)
class Settings:
    """The consumers of the two streams, and how their functions work."""

    sessions: Consumer
    connections: Consumer
    batched_deletes: bool = True
    waits_for_speaker: bool = False


@dataclass(frozen=True)
class Load:
    """So many sessions, each with so many listeners, on streams of so many shards."""

    sessions: int
    listeners: int
    shards: int


@dataclass
class Outcome:
    """Lags in seconds, and how busy the lanes and the account were."""

    count_lags: list[float] = field(default_factory=list)
    end_lags: list[float] = field(default_factory=list)
    joins: int = 0
    removed: int = 0
    records: Counter[str] = field(default_factory=Counter)
    busy_s: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    requests: Counter[int] = field(default_factory=Counter)
    share: float = 1.0
    """The simulated part of the load."""

    def utilization(self, stream: str) -> float:
        """Return how busy the busiest lane was while listeners joined (connections) or sessions ended.

        More than 1 means that its backlog outlasted the phase.
        """
        phase = JOIN_S if stream == "connections" else END_S
        return max((busy / phase for lane, busy in self.busy_s.items() if lane[0] == stream), default=0.0)

    @property
    def requests_per_second(self) -> float:
        """The peak of posts and closes of all shards."""
        return max(self.requests.values(), default=0) / self.share


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def simulate(settings: Settings, costs: Costs, load: Load, seed: int = 1, most_joins: int = 10**9) -> Outcome:
    """Simulate the shards one after the other, and after `most_joins` no further one."""
    rng = random.Random(seed)
    sizes = Counter(rng.randrange(load.shards) for _ in range(load.sessions))
    outcome = Outcome()
    sessions = 0
    for number in range(load.shards):
        _Shard(settings, costs, load.listeners, sizes[number], rng, outcome, number).run()
        sessions += sizes[number]
        if outcome.joins >= most_joins:
            break
    outcome.share = sessions / load.sessions if sessions else 1.0
    return outcome


Record = tuple[float, int, bool]
"""Its time, its session, and whether it is the session's end."""


@dataclass
class _Lane:
    stream: str
    number: int
    records: deque[Record] = field(default_factory=deque)
    free_at: float = 0.0
    scheduled: bool = False


class _Shard:
    def __init__(
        self,
        settings: Settings,
        costs: Costs,
        listeners: int,
        sessions: int,
        rng: random.Random,
        outcome: Outcome,
        number: int,
    ) -> None:
        self._settings, self._costs, self._outcome, self._number = settings, costs, outcome, number
        self._rng = rng
        self._joins = sorted(
            (rng.uniform(0, JOIN_S), session) for session in range(sessions) for _ in range(listeners)
        )
        self._arrived = 0
        self._rows = [1] * sessions  # the speaker's
        self._uncounted: list[list[float]] = [[] for _ in range(sessions)]
        self._notified = [-SPEAKER_INTERVAL_S] * sessions
        self._lanes = {
            stream: [_Lane(stream, lane) for lane in range(consumer.lanes)]
            for stream, consumer in (("sessions", settings.sessions), ("connections", settings.connections))
        }
        self._events: list[tuple[float, int, _Lane | None, tuple[str, int, int, bool]]] = []
        self._order = count()
        for session in range(sessions):
            self._write(JOIN_S + rng.uniform(0, END_S), "sessions", session, ends=True)
        self._session_lane = [rng.randrange(settings.sessions.lanes) for _ in range(sessions)]

    def run(self) -> None:
        """Run until every record has been handled."""
        self._outcome.joins += len(self._joins)
        joins = iter([*self._joins, (float("inf"), 0)])
        at, joining = next(joins)
        while self._events or at < float("inf"):
            if not self._events or at <= self._events[0][0]:
                self._append(at, "connections", joining)
                at, joining = next(joins)
                continue
            now, _, lane, (stream, session, rows, ends) = heapq.heappop(self._events)
            if lane is not None:
                self._invoke(lane, now)
            else:
                for _ in range(rows):
                    self._append(now, stream, session, ends=ends)

    def _write(self, at: float, stream: str, session: int, rows: int = 1, *, ends: bool = False) -> None:
        heapq.heappush(self._events, (at, next(self._order), None, (stream, session, rows, ends)))

    def _append(self, now: float, stream: str, session: int, *, ends: bool = False) -> None:
        lanes = self._lanes[stream]
        # A lane has all records of an item: of a session, or of one of its connections.
        number = self._session_lane[session] if stream == "sessions" else self._rng.randrange(len(lanes))
        lane = lanes[number]
        lane.records.append((now, session, ends))
        self._schedule(lane, now)

    def _schedule(self, lane: _Lane, now: float) -> None:
        consumer = self._consumer(lane)
        full = len(lane.records) >= consumer.batch_size
        if lane.scheduled and not full:
            return
        first = lane.records[0][0]
        # An idle lane reads at its next poll; the phase of its polls is by chance.
        read = lane.free_at if first <= lane.free_at else first + self._rng.uniform(0, POLL_S)
        at = read if full else read + consumer.window_s
        heapq.heappush(self._events, (max(now, at), next(self._order), lane, ("", 0, 0, False)))
        lane.scheduled = True

    def _consumer(self, lane: _Lane) -> Consumer:
        return self._settings.sessions if lane.stream == "sessions" else self._settings.connections

    def _invoke(self, lane: _Lane, now: float) -> None:
        if not lane.records or now < lane.free_at:
            return  # scheduled twice: when the batch began and when it was full
        consumer = self._consumer(lane)
        taken = min(consumer.batch_size, len(lane.records))
        batch = [lane.records.popleft() for _ in range(taken)]
        self._outcome.records[lane.stream] += taken
        cpu_s = self._costs.invocation + taken * self._costs.record
        at = now + INVOKE_S + consumer.seconds(cpu_s, 0)
        at = self._drain(batch, at) if lane.stream == "sessions" else self._count(batch, at)
        if (now < JOIN_S) == (lane.stream == "connections"):
            self._outcome.busy_s[lane.stream, self._number, lane.number] += at - now
        lane.free_at, lane.scheduled = at, False
        if lane.records:
            self._schedule(lane, now)

    def _count(self, batch: Sequence[Record], began: float) -> float:
        """Count every session of the batch, and return when all are counted."""
        pending = list(dict.fromkeys(session for _, session, _ in batch))
        deadline, at = began + RETRY_UNTIL_S, began
        while pending:
            round_began, cpu_s, calls = at, 0.0, 0
            later = []
            for session in pending:
                queried_at = at
                notifies = at >= self._notified[session] + SPEAKER_INTERVAL_S
                cpu_s += self._costs.of_query(self._rows_at(session, at)) + self._costs.update
                calls += 2
                if self._settings.waits_for_speaker:
                    cpu_s += self._costs.update
                    calls += 1
                if notifies or not self._settings.waits_for_speaker:
                    cpu_s += self._costs.post
                    calls += 1
                    self._notified[session] = at
                    self._outcome.requests[int(at)] += 1
                else:
                    later.append(session)
                at = round_began + self._settings.connections.seconds(cpu_s, calls)
                self._counted(session, queried_at, at)
            if not later or at + RETRY_S >= deadline:
                return at
            pending, at = later, at + RETRY_S
        return at

    def _rows_at(self, session: int, at: float) -> int:
        while self._arrived < len(self._joins) and self._joins[self._arrived][0] <= at:
            joined_at, joined = self._joins[self._arrived]
            self._rows[joined] += 1
            self._uncounted[joined].append(joined_at)
            self._arrived += 1
        return self._rows[session]

    def _counted(self, session: int, queried_at: float, written_at: float) -> None:
        uncounted = self._uncounted[session]
        self._outcome.count_lags += [written_at - at for at in uncounted if at <= queried_at]
        self._uncounted[session] = [at for at in uncounted if at > queried_at]
        self._write(written_at, "sessions", session)

    def _drain(self, batch: Sequence[Record], at: float) -> float:
        """Dismiss the audience of each session that has ended, and return when all are dismissed."""
        costs, consumer, batched = self._costs, self._settings.sessions, self._settings.batched_deletes
        for ended_at, session, ends in batch:
            if not ends:
                continue
            rows = self._rows_at(session, at)
            self._rows[session] = 0
            began = at + consumer.seconds(costs.of_query(rows), 1)
            per_row = costs.post + costs.close + (0 if batched else costs.delete)
            reached_at = at = began + consumer.seconds(rows * per_row, rows * (2 if batched else 3))
            for posted_at, chunk in _chunks(rows, began, reached_at):
                self._outcome.requests[int(posted_at)] += 2 * chunk
            if batched:
                # One thread removes the rows when all connections are closed, and takes the due time away.
                began = at
                batches = ceil(rows / DELETES)
                at += consumer.seconds(batches * costs.batch_delete + costs.update, batches + 1, threads=1)
            self._outcome.end_lags.append(reached_at - ended_at)
            self._outcome.removed += rows
            for removed_at, chunk in _chunks(rows, began, at):
                self._write(removed_at, "connections", session, chunk)
        return at


def _chunks(rows: int, began: float, ended: float) -> Iterator[tuple[float, int]]:
    """Yield the time and the size of each group of DELETES rows that are removed between two times."""
    for first in range(0, rows, DELETES):
        chunk = min(DELETES, rows - first)
        yield began + (ended - began) * (first + chunk) / rows, chunk
