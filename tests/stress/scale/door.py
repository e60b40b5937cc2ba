"""A model of the door of a session: many phones on few places, in simulated time.

The phones' joins run the service's own Join on tables in memory, each container in a thread of its own, and
only one thread at once. A call of a table takes time, in which the calls of other containers happen. A table
throttles what one partition cannot serve. Containers are killed, responses are lost, and requests arrive
after the client has given up, all by chance from a seed: a run can be repeated.

What the model does not have: DynamoDB's burst capacity, network outages, and Lambda's limits other than the
concurrency of an account.
"""

import heapq
import random
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import ceil
from typing import TypeVar

from scripts.launch_load import CONNECTION_BYTES, READ_UNIT_BYTES
from shared.audience.connection import Connection, SessionRef
from shared.audience.join import Join
from shared.audience.places import CountPlaces
from shared.audience.ports import Places
from shared.deadline import Deadline
from shared.errors import ServiceUnavailable, SessionFull
from shared.sessions.session import Language, Session
from tests.stress.scale.waiting_line import UnconditionalConnections, WaitingLine
from tests.support.memory_stores import MemoryConnections, MemoryPlaces
from tests.support.sessions import NOW, a_session

ValueT = TypeVar("ValueT")
Ended = Callable[["_Container", BaseException | None], None]
"""What is called when a job of a container ends, with the exception that it raised."""

CALL_S = (0.004, 0.012)
SLOW_CALL_S, SLOW_SHARE = 0.1, 0.01
"""Seconds that a call of DynamoDB takes, and those of the slowest calls."""

ROW_S = 0.000_1
"""Seconds for each row that a query returns, with connect_session's share of a processor."""

PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
"""Units per second of one partition, to which all rows of a session belong."""

READ_TIMEOUT_S, MAX_ATTEMPTS, MAX_BACKOFF_S = 2.0, 2, 1.0
"""The client's settings in shared/aws/dynamodb.py."""

COLD_S, TIMEOUT_S, MAX_CONTAINERS = 0.5, 10.0, 1_000
"""A cold start, the function's timeout, and the concurrency of an account."""

COUNT_DELAY_S = 1.25
"""From a change of a row to the count of connections_changed: its batching window, and a poll."""

ALMOST = 0.99
CALM_AFTER_S = 45.0
"""No more chaos after so many seconds, so that what it has left behind can be recovered."""


@dataclass(frozen=True)
class Crowd:
    """So many phones at each of so many sessions, which arrive evenly within `arrival_s`.

    A phone that is refused tries again, at most `tries` times in total, after 1, 2, 4 … seconds with jitter.
    """

    phones: int
    places: int
    sessions: int = 1
    arrival_s: float = 60.0
    tries: int = 5


@dataclass(frozen=True)
class Chaos:
    """Shares of calls at which the container is killed, whose response is lost, or whose request is late.

    `leaves` is the share of admitted listeners that leave within the next 20 s, and `skew_s` how far the
    clocks of containers are ahead or behind at most.
    """

    crashes: float = 0.0
    losses: float = 0.0
    late: float = 0.0
    leaves: float = 0.0
    skew_s: float = 0.0


@dataclass
class Outcome:
    """What happened to a crowd. Times are seconds from the first arrival that is possible."""

    handshakes: int = 0
    joined: int = 0
    full: int = 0
    killed: int = 0
    """Joins whose container was killed by chance."""

    faults: int = 0
    """Other joins that ended in a fault: throttled, timed out, or out of containers."""

    most_admitted: int = 0
    """The most listeners that a session had at once: admitted rows that count, or open connections."""

    almost_full_at: float = float("inf")
    full_at: float = float("inf")
    """When the last session had 99 % or all of its places taken by admitted listeners for the first time."""

    empty: int = 0
    """Places of all sessions without an admitted listener at the end."""

    throttled: int = 0
    writes: Counter[tuple[str, int]] = field(default_factory=Counter)
    reads: Counter[tuple[str, int]] = field(default_factory=Counter)

    def peak(self, units: Counter[tuple[str, int]], table: str) -> int:
        """Return the most units per second that a partition of the table was asked for."""
        return max((n for (partition, _), n in units.items() if partition.startswith(table)), default=0)


class Killed(BaseException):
    """The container does not exist any more. No code of the function catches it."""


class _Simulation:
    """Simulated time, and events in its order. Threads run one at a time, when an event resumes them."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._paused = _taken_lock()

    def at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def run(self) -> None:
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def resume(self, thread: threading.Lock) -> None:
        """Let a thread run until it pauses."""
        thread.release()
        self._paused.acquire()

    def pause(self, thread: threading.Lock) -> None:
        """Called in a thread: wait until it is resumed."""
        self._paused.release()
        thread.acquire()

    def end(self) -> None:
        """Called in a thread as the last thing."""
        self._paused.release()


def _taken_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class _Partition:
    """The units that a partition still has in this second, as a bucket that refills all the time."""

    def __init__(self, units_per_second: int) -> None:
        self._rate = float(units_per_second)
        self._left = self._rate
        self._filled_at = 0.0

    def take(self, now: float, units: float) -> bool:
        self._left = min(self._rate, self._left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._left < units:
            return False
        self._left -= units
        return True


class Door:
    """One crowd at its sessions."""

    def __init__(self, crowd: Crowd, chaos: Chaos, *, counted: bool, seed: int) -> None:
        self.crowd, self.chaos, self.counted = crowd, chaos, counted
        self.rng = random.Random(seed)
        self.time = _Simulation()
        self.outcome = Outcome()
        self.sessions = {
            session.id: session
            for session in (
                a_session(id=f"blessed-shepherd-{100 + number}", max_listeners=crowd.places)
                for number in range(crowd.sessions)
            )
        }
        store = MemoryConnections if counted else UnconditionalConnections
        self.connections = {session_id: store() for session_id in self.sessions}
        self.places = MemoryPlaces()
        self.last_take: dict[SessionRef, object] = {}
        self.changed: set[str] = set()
        self._open: Counter[str] = Counter()
        self.calm = False
        self._partitions: dict[tuple[str, str], _Partition] = {}
        self._idle: deque[_Container] = deque()
        self._containers: list[_Container] = []
        self._not_full, self._not_almost_full = set(self.sessions), set(self.sessions)
        self._counters = {session_id: _Container(self, kills=False) for session_id in self.sessions}
        self._phones = 0

    def run(self) -> Outcome:
        """Run until every phone is in or has given up."""
        for session_id in self.sessions:
            for _ in range(self.crowd.phones):
                at = self.rng.uniform(0, self.crowd.arrival_s)
                self.time.at(at, partial(self._arrive, session_id, 1))
        self.time.at(CALM_AFTER_S, self._calm_down)
        try:
            self.time.run()
        finally:
            for container in (*self._containers, *self._counters.values()):
                container.stop()
        for session_id, session in self.sessions.items():
            self.outcome.empty += session.max_listeners - self.admitted(session_id)
        return self.outcome

    def clock(self) -> int:
        return NOW + int(self.time.now * 1000)

    def admitted(self, session_id: str) -> int:
        """Return the admitted listeners of a session whose rows count."""
        now = self.clock()
        rows = self.connections[session_id].rows.values()
        return sum(row.admitted_at is not None and row.live(now) for row in rows)

    def consume(self, table: str, session_id: str, *, writes: int = 0, reads: int = 0) -> bool:
        """Return whether the partition serves these units now."""
        served = True
        for kind, units, rate in (("W", writes, PARTITION_WRITES), ("R", reads, PARTITION_READS)):
            if units:
                asked = self.outcome.writes if kind == "W" else self.outcome.reads
                asked[f"{table}/{session_id}", int(self.time.now)] += units
                partition = self._partitions.setdefault((f"{table}/{session_id}", kind), _Partition(rate))
                served = partition.take(self.time.now, units) and served
        self.outcome.throttled += not served
        return served

    def row_changed(self, session_id: str) -> None:
        """Let the row's stream record cause a count."""
        if session_id not in self.changed:
            self.changed.add(session_id)
            self.time.at(self.time.now + COUNT_DELAY_S, partial(self._count, session_id))

    def is_admitted(self, session_id: str) -> None:
        """Note that a row has been admitted."""
        admitted = self.admitted(session_id)
        self.outcome.most_admitted = max(self.outcome.most_admitted, admitted)
        if admitted >= ALMOST * self.crowd.places and session_id in self._not_almost_full:
            self._not_almost_full.remove(session_id)
            if not self._not_almost_full:
                self.outcome.almost_full_at = self.time.now
        if admitted >= self.crowd.places and session_id in self._not_full:
            self._not_full.remove(session_id)
            if not self._not_full:
                self.outcome.full_at = self.time.now

    def _calm_down(self) -> None:
        self.calm = True

    def _arrive(self, session_id: str, tries: int) -> None:
        self.outcome.handshakes += 1
        self._phones += 1
        connection_id = f"phone-{self._phones}"
        ended = partial(self._handshake_ended, session_id, connection_id, tries)
        if self._idle:
            # The one that has been idle longest: so most containers have to find the session full.
            container, starts_at = self._idle.popleft(), self.time.now
        elif len(self._containers) < MAX_CONTAINERS:
            container, starts_at = _Container(self), self.time.now + COLD_S
            self._containers.append(container)
        else:
            self.outcome.faults += 1
            self._retry(session_id, tries)
            return
        self.time.at(
            starts_at, partial(container.invoke, partial(container.join, session_id, connection_id), ended)
        )

    def _handshake_ended(
        self,
        session_id: str,
        connection_id: str,
        tries: int,
        container: "_Container",
        error: BaseException | None,
    ) -> None:
        if isinstance(error, Killed):
            self._containers.remove(container)
        else:
            self._idle.append(container)
        if error is None:
            self.outcome.joined += 1
            self._open[session_id] += 1
            self.outcome.most_admitted = max(self.outcome.most_admitted, self._open[session_id])
            if not self.calm and self.rng.random() < self.chaos.leaves:
                at = self.time.now + self.rng.uniform(0, 20)
                self.time.at(at, partial(self._leave, session_id, connection_id))
            return
        if isinstance(error, SessionFull):
            self.outcome.full += 1
        elif container.killed_by_chance:
            self.outcome.killed += 1
        else:
            self.outcome.faults += 1
        self._retry(session_id, tries)

    def _retry(self, session_id: str, tries: int) -> None:
        if tries < self.crowd.tries:
            at = self.time.now + 2 ** (tries - 1) * self.rng.uniform(0.5, 1.5)
            self.time.at(at, partial(self._arrive, session_id, tries + 1))

    def _leave(self, session_id: str, connection_id: str) -> None:
        self._open[session_id] -= 1
        self.consume("connections", session_id, writes=1)
        self.connections[session_id].remove(session_id, connection_id)
        self.row_changed(session_id)

    def _count(self, session_id: str) -> None:
        self.changed.discard(session_id)
        counter = self._counters[session_id]
        counter.invoke(partial(counter.count, session_id), partial(self._counted, session_id))

    def _counted(self, session_id: str, _: "_Container", error: BaseException | None) -> None:
        if error is not None:
            self.row_changed(session_id)  # the event source mapping retries


class _Container:
    """A thread with the objects of one container. It is the store of its Join."""

    def __init__(self, door: Door, *, kills: bool = True) -> None:
        self._door = door
        self._kills = kills
        self._lock = _taken_lock()
        self._thread: threading.Thread | None = None
        self._job: Callable[[], object] | None = None
        self._ended: Ended = lambda _, __: None
        self._began = 0.0
        self._busy = self._dead = self._finished = False
        self.killed_by_chance = False
        self._waiting: deque[tuple[Callable[[], object], Ended]] = deque()
        sessions, connections, places = _Sessions(self), _Connections(self), _Places(self)
        self._skew_ms = int(door.rng.uniform(-door.chaos.skew_s, door.chaos.skew_s) * 1000)
        self._deadline = Deadline(self._clock)
        self._join = Join(sessions, connections, places, self._clock)
        self._count_places = CountPlaces(places, connections, self._clock)
        self._waiting_line = WaitingLine(sessions, connections, self._clock, self.sleep)
        self._of_session = connections.of_session

    @property
    def door(self) -> Door:
        return self._door

    def join(self, session_id: str, connection_id: str) -> None:
        if self._door.counted:
            self._deadline.start()
            self._join(session_id, connection_id, caller=None, target_language=Language.SPANISH)
        else:
            self._waiting_line(session_id, connection_id)

    def count(self, session_id: str) -> None:
        if self._door.counted:
            self._count_places(SessionRef(session_id, self._door.sessions[session_id].created_at))
        else:
            self._of_session(session_id)

    def invoke(self, job: Callable[[], object], ended: Ended) -> None:
        """Run a job in the thread, and call `ended` with its exception."""
        if self._busy:
            self._waiting.append((job, ended))
            return
        self._busy, self._job, self._ended, self._began = True, job, ended, self._door.time.now
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._door.time.resume(self._lock)

    def stop(self) -> None:
        """End the thread, whatever it waits for."""
        if self._thread is not None:
            if not self._finished:
                self._dead, self._job = True, None
                self._door.time.resume(self._lock)
            self._thread.join()

    def sleep(self, seconds: float) -> None:
        """Called in the thread: pause for simulated seconds. Raises Killed at the function's timeout."""
        time = self._door.time
        until = time.now + seconds
        limit = self._began + TIMEOUT_S if self._kills else float("inf")
        time.at(min(until, limit), partial(time.resume, self._lock))
        time.pause(self._lock)
        if until > limit:
            self._die()

    def call(
        self,
        table: str,
        session_id: str,
        apply: Callable[[], ValueT],
        *,
        writes: int = 0,
        reads: Callable[[], int] = lambda: 0,
        row_s: float = 0.0,
    ) -> ValueT:
        """Call DynamoDB as the SDK does, with its retry. Raises ServiceUnavailable, Killed."""
        if self._dead:
            raise Killed
        door, rng = self._door, self._door.rng
        chaos = Chaos() if door.calm or not self._kills else door.chaos
        for attempt in range(MAX_ATTEMPTS):
            if door.counted and self._kills:
                self._deadline.check()
            latency = SLOW_CALL_S if rng.random() < SLOW_SHARE else rng.uniform(*CALL_S)
            if rng.random() < chaos.crashes / 2:
                self.killed_by_chance = True
                self._die()
            if rng.random() < chaos.late:
                door.time.at(door.time.now + rng.uniform(READ_TIMEOUT_S, 3 * READ_TIMEOUT_S), apply)
                self.sleep(READ_TIMEOUT_S)
            else:
                self.sleep(latency / 2)
                read = reads()
                if door.consume(table, session_id, writes=writes, reads=read):
                    result = apply()
                    if rng.random() < chaos.crashes / 2:
                        self.killed_by_chance = True
                        self._die()
                    if rng.random() >= chaos.losses:
                        self.sleep(latency / 2 + read * row_s)
                        return result
                    self.sleep(READ_TIMEOUT_S)
                else:
                    self.sleep(latency / 2)
            if attempt + 1 < MAX_ATTEMPTS:
                self.sleep(rng.uniform(0, MAX_BACKOFF_S))
        raise ServiceUnavailable

    def _clock(self) -> int:
        return self._door.clock() + self._skew_ms

    def _die(self) -> None:
        self._dead = True
        raise Killed

    def _work(self) -> None:
        time = self._door.time
        self._lock.acquire()
        try:
            while (job := self._job) is not None:
                error = self._run(job)
                if self._job is None:
                    break
                time.at(time.now, partial(self._report, error))
                if self._dead:
                    break
                time.pause(self._lock)
        finally:
            self._finished = True
            time.end()

    def _run(self, job: Callable[[], object]) -> BaseException | None:
        try:
            job()
        except (ServiceUnavailable, SessionFull, Killed) as error:
            return error
        return None

    def _report(self, error: BaseException | None) -> None:
        self._busy = False
        self._ended(self, error)
        if self._waiting and not self._busy:
            self.invoke(*self._waiting.popleft())


class _Sessions:
    """The SessionReader of a container."""

    def __init__(self, container: _Container) -> None:
        self._container = container

    def get(self, session_id: str) -> Session | None:
        sessions = self._container.door.sessions
        return self._container.call("sessions", session_id, lambda: sessions.get(session_id), reads=lambda: 1)


class _Connections:
    """The ConnectionStore of a container."""

    def __init__(self, container: _Container) -> None:
        self._container = container

    def _write(self, session_id: str, apply: Callable[[MemoryConnections], ValueT]) -> ValueT:
        table = self._container.door.connections[session_id]
        return self._container.call("connections", session_id, lambda: apply(table), writes=1)

    def add(self, connection: Connection) -> bool:
        return self._write(connection.session_id, lambda table: table.add(connection))

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        door, session_id = self._container.door, connection.session_id

        def admit(table: MemoryConnections) -> bool:
            admitted = table.admit(connection, now, expires_at)
            if admitted:
                door.is_admitted(session_id)
                door.row_changed(session_id)
            return admitted

        return self._write(session_id, admit)

    def remove(self, session_id: str, connection_id: str) -> None:
        self._write(session_id, lambda table: table.remove(session_id, connection_id))

    def remove_waiting(self, session_id: str, connection_id: str) -> bool:
        return self._write(session_id, lambda table: table.remove_waiting(session_id, connection_id))

    def of_session(self, session_id: str) -> list[Connection]:
        table = self._container.door.connections[session_id]
        row_s = ROW_S * READ_UNIT_BYTES / CONNECTION_BYTES
        return self._container.call(
            "connections",
            session_id,
            lambda: list(table.rows.values()),
            reads=lambda: max(1, ceil(len(table.rows) * CONNECTION_BYTES / READ_UNIT_BYTES)),
            row_s=row_s,
        )


class _Places:
    """The PlaceStore of a container."""

    def __init__(self, container: _Container) -> None:
        self._container = container

    def _call(self, session: SessionRef, apply: Callable[[], ValueT], *, writes: int = 1) -> ValueT:
        reads = 1 - writes
        return self._container.call("audiences", session.id, apply, writes=writes, reads=lambda: reads)

    def take(self, session: SessionRef, *, limit: int, delete_at: int) -> Places | None:
        door, write_id = self._container.door, object()

        def take() -> Places | None:
            # As in shared/aws/audiences_table.py: a retry finds its own write, if it was the last.
            if door.last_take.get(session) is write_id:
                return None
            places = door.places.take(session, limit=limit, delete_at=delete_at)
            if places is None:
                door.last_take[session] = write_id
            return places

        return self._call(session, take)

    def get(self, session: SessionRef) -> Places:
        return self._call(session, lambda: self._container.door.places.get(session), writes=0)

    def claim_count(self, session: SessionRef, *, counted_at: int, now: int) -> bool:
        places = self._container.door.places
        return self._call(session, lambda: places.claim_count(session, counted_at=counted_at, now=now))

    def set_taken(self, session: SessionRef, taken: int, *, generation: int) -> bool:
        places = self._container.door.places
        return self._call(session, lambda: places.set_taken(session, taken, generation=generation))


def simulate(crowd: Crowd, chaos: Chaos | None = None, *, counted: bool = True, seed: int = 1) -> Outcome:
    """Simulate a crowd with counted places, or with the earlier waiting line."""
    return Door(crowd, chaos or Chaos(), counted=counted, seed=seed).run()
