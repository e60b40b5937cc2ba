"""Coming, leaving, ending and expiring in any order, with any call lost and any function killed half way.

Hypothesis draws what happens. The functions are the real ones, over moto and a stand-in for @connections.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto import mock_aws

from shared.audience import notifier
from shared.audience.connection import Connection, Role
from shared.audience.join import Join
from shared.audience.listener_counter import ListenerCounter
from shared.audience.notifier import Notifier
from shared.aws.connections_table import ConnectionsTable
from shared.aws.dynamodb import DEFAULT_CONFIG
from shared.aws.listener_counts import ListenerCounts
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.sessions.ids import GRACE_S
from shared.sessions.session import Language, Session, Status
from tests.support import http_events, websocket_events
from tests.support.handlers import load_handler
from tests.support.management_api import FakeManagementApi
from tests.support.sessions import ALICE, NOW, a_session
from tests.support.tables import CONNECTIONS_TABLE, SESSIONS_TABLE, Stream, create_tables
from tests.support.use_cases import SessionUseCases
from tests.unit.state_machine.world import Run, Verdict, World

SESSION_ID = "blessed-shepherd-427"
LIFE_LEFT_S = 45  # long enough for a drain to wait for somebody at the door, and short enough to be outlived


@cache
def dynamodb_client() -> Any:
    """Return one client for all examples, for it takes long to make."""
    return botocore.session.get_session().create_client("dynamodb", config=DEFAULT_CONFIG)


# How often each thing happens.
WEIGHTS = {
    "a_listener_connects": 5,
    "the_speaker_connects": 2,
    "somebody_goes": 2,
    "the_speaker_changes_the_session": 2,
    "the_speaker_ends_the_session": 2,
    "a_function_goes_on": 18,
    "the_sessions_stream_delivers": 4,
    "the_connections_stream_delivers": 4,
    "a_stream_delivers_again": 2,
    "time_passes": 2,
    "dynamodb_deletes_what_has_expired": 1,
    "the_session_expires": 1,
    "the_id_is_taken_again": 1,
}


@dataclass(eq=False)
class Person:
    """Somebody who has knocked at one session."""

    id: str
    session_created_at: int
    role: Role
    run: Run


@dataclass(eq=False)
class Delivery:
    """Records of a stream with the function that was given them."""

    records: list[dict[str, Any]]
    run: Run

    def left(self) -> list[dict[str, Any]]:
        """Return the records that Lambda would deliver again."""
        if self.run.died:
            return self.records
        failures = self.run.answer["batchItemFailures"]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self.records]
        return self.records[numbers.index(failures[0]["itemIdentifier"]) :] if failures else []


class StreamConsumer:
    """The event source mapping of a table: one batch at a time, again until it is done."""

    def __init__(self, client: Any, table: str, function: ModuleType, world: World) -> None:
        self.pending: list[dict[str, Any]] = []
        self.past: list[dict[str, Any]] = []
        self._stream = Stream(client, table)
        self._function = function
        self._world = world
        self._delivery: Delivery | None = None

    def poll(self) -> bool:
        """Take note of new records and of a batch that is done; return whether the consumer is free."""
        new = self._stream.new_records()
        self.past += new
        self.pending += self.of_interest(new)
        if self._delivery and self._delivery.run.over:
            self.pending = self._delivery.left() + self.pending
            self._delivery = None
        return self._delivery is None

    def of_interest(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what passes the filter of the event source mapping."""
        return [record for record in records if record["eventName"] in ("MODIFY", "REMOVE")]

    def deliver(self, records: list[dict[str, Any]]) -> None:
        """Invoke the function."""
        context = SimpleNamespace(get_remaining_time_in_millis=self._world.time_left)
        run = self._world.start(
            self._function.__name__,
            lambda: self._function.handler({"Records": records}, context),
            limit_ms=60_000,
        )
        self._delivery = Delivery(records, run)


@settings(
    max_examples=200,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
class JoinAndEnd(RuleBasedStateMachine):
    """One id, the sessions that have it one after the other, and the people at them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(NOW)
        self.gateway = FakeManagementApi()
        self.gateway.before = self.world.before_socket
        self.gateway.after = self.world.after_socket
        self.people: list[Person] = []
        self.language_of: dict[int, Language] = {}
        self.aws = mock_aws()
        self.aws.start()
        self.client = dynamodb_client()
        self.world.watch(self.client)
        create_tables(self.client)
        self.sessions = SessionsTable(self.client, SESSIONS_TABLE)
        self.connections = ConnectionsTable(self.client, CONNECTIONS_TABLE)
        self.patch = pytest.MonkeyPatch()

    # Chance is drawn from a seed, for Hypothesis' own choices repeat themselves and leave rare things out.
    @initialize(random=st.randoms(use_true_random=True))
    def open_the_session(self, random: Random) -> None:
        self.random = random
        world, sessions, connections = self.world, self.sessions, self.connections
        sockets = ManagementApi(self.gateway)  # type: ignore[arg-type]
        self.max_listeners = max_listeners = random.randint(1, 3)
        self.connect, self.disconnect = load_handler("connect_session"), load_handler("disconnect_session")
        self.update, self.delete = load_handler("update_session"), load_handler("delete_session")
        session_changed = load_handler("session_changed")
        connections_changed = load_handler("connections_changed")
        metrics: Any = SimpleNamespace(session_ended=lambda _: None)
        use_cases = SessionUseCases(sessions, metrics, world.clock)
        for module, name, built in (
            (
                self.connect,
                "join",
                Join(
                    sessions, connections, max_listeners=max_listeners, clock=world.clock, sleep=world.sleep
                ),
            ),
            (self.connect, "joins_per_address", SimpleNamespace(take=lambda _: None)),
            (self.disconnect, "connections", connections),
            (self.update, "update_session", use_cases.update),
            (self.delete, "delete_session", use_cases.delete),
            (session_changed, "notify", Notifier(sessions, connections, sockets, world.clock, world.sleep)),
            (
                connections_changed,
                "count_listeners",
                ListenerCounter(
                    ListenerCounts(self.client, SESSIONS_TABLE),
                    connections,
                    sockets,
                    world.clock,
                    world.sleep,
                    lambda _count: None,
                ),
            ),
            (notifier, "MAX_PARALLEL", 1),  # one call at a time, so that each run is the same
        ):
            self.patch.setattr(module, name, built)
        self.consumers = {
            SESSIONS_TABLE: StreamConsumer(self.client, SESSIONS_TABLE, session_changed, world),
            CONNECTIONS_TABLE: StreamConsumer(self.client, CONNECTIONS_TABLE, connections_changed, world),
        }
        self._open()

    @rule()
    def something_happens(self) -> None:
        (name,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        note(f"{self.world.now - NOW} ms: {name}")
        getattr(self, name)()

    # What people do

    def a_listener_connects(self) -> None:
        self._connect(Role.LISTENER, self._skew())

    def the_speaker_connects(self) -> None:
        self._connect(Role.SPEAKER, self._skew())

    def somebody_goes(self) -> None:
        if present := self._present():
            person = self.random.choice(present)
            self.gateway.open.remove(person.id)
            if self.random.random() < 0.5:
                self._run_disconnect(person)

    def the_speaker_changes_the_session(self) -> None:
        body = {"status": self.random.choice([Status.PAUSED, Status.ACTIVE])}
        event = http_events.event(http_events.UPDATE, speaker=ALICE, body=body)
        self._run("update", self.update, event, self._skew())

    def the_speaker_ends_the_session(self) -> None:
        self._run("delete", self.delete, http_events.event(http_events.DELETE, speaker=ALICE), self._skew())

    # What machines do

    def a_function_goes_on(self) -> None:
        if self.world.runs:
            run = self.random.choice(self.world.runs)
            calls = self.random.choice([1, 1, 2, 3, 5, 30])
            verdict = self._verdict(one_fault_in=4)
            for call in range(calls):
                if not run.over:
                    self.world.go_on(run, verdict if call == calls - 1 else Verdict.DONE)

    def the_sessions_stream_delivers(self) -> None:
        self._deliver(self.consumers[SESSIONS_TABLE])

    def the_connections_stream_delivers(self) -> None:
        self._deliver(self.consumers[CONNECTIONS_TABLE])

    def a_stream_delivers_again(self) -> None:
        consumer = self.random.choice(list(self.consumers.values()))
        if consumer.poll() and (past := consumer.of_interest(consumer.past)):
            consumer.deliver([self.random.choice(past)])

    def time_passes(self) -> None:
        self.world.pass_time(self.random.choice([200, 2000, 11_000]))

    def dynamodb_deletes_what_has_expired(self) -> None:
        now_s = self.world.now // 1000
        session = self.sessions.get(SESSION_ID)
        if session and session.expires_at < now_s:
            self.client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": SESSION_ID}})
        for row in self.connections.of_session(SESSION_ID):
            # It may delete the people of a session before the session: then their sockets stay open until
            # API Gateway's own two hours are over, which is beyond what is promised here.
            if row.expires_at < now_s and row.admitted_at is None:
                self.connections.remove(row.session_id, row.id)

    def the_session_expires(self) -> None:
        self.world.pass_time(max(0, self.newest.expires_at * 1000 - self.world.now))

    def the_id_is_taken_again(self) -> None:
        reusable_at = (self.newest.expires_at + GRACE_S + 1) * 1000
        self.world.pass_time(max(0, reusable_at - self.world.now))
        self._open(language=Language.FRENCH)

    # What must hold

    @invariant()
    def never_are_more_listeners_present_than_allowed(self) -> None:
        listeners = Counter(
            person.session_created_at for person in self._present() if person.role is Role.LISTENER
        )
        assert max(listeners.values(), default=0) <= self.max_listeners

    def teardown(self) -> None:
        try:
            if hasattr(self, "consumers"):
                self._come_to_rest()
                self._assert_the_end_is_right()
        finally:
            self.world.watch_no_more(self.client)
            self.patch.undo()
            self.aws.stop()

    def _come_to_rest(self) -> None:
        """Let all that has begun come to its end in some order, and at last without faults."""
        if self.random.random() < 0.5:
            self.the_speaker_ends_the_session()
        while self._one_goes_on(self._verdict(one_fault_in=16)):
            pass
        self.world.pass_time(15_000)
        self.dynamodb_deletes_what_has_expired()
        while self._one_goes_on(Verdict.DONE):
            pass

    def _one_goes_on(self, verdict: Verdict) -> bool:
        """Let a function or a stream go on; return False when all is at rest."""
        awake = [run for run in self.world.runs if run.wakes_at <= self.world.now]
        ready = [consumer for consumer in self.consumers.values() if consumer.poll() and consumer.pending]
        able = [*(awake or self.world.runs), *ready]
        if not able:
            return False
        chosen = self.random.choice(able)
        if isinstance(chosen, StreamConsumer):
            records, chosen.pending = chosen.pending[:10], chosen.pending[10:]
            chosen.deliver(records)
        else:
            self.world.go_on(chosen, verdict)
        return True

    def _assert_the_end_is_right(self) -> None:
        current = self.sessions.get(SESSION_ID)
        running = current if current and current.status is not Status.ENDED else None
        rows = self.connections.of_session(SESSION_ID)
        # Nobody is at a session that is over, and nothing tells of one.
        assert {row.session_created_at for row in rows} <= {running.created_at if running else None}
        assert {person.session_created_at for person in self._present()} <= {
            running.created_at if running else None
        }
        # Whoever is there is known to be there.
        assert {person.id for person in self._present()} <= {row.id for row in rows if row.admitted_at}
        if current:
            assert current.listener_count == len(self._admitted())
        for person in self.people:
            told = self.gateway.messages.get(person.id, [])
            self._assert_is_of_the_own_session(person, told)
            updates = [message for message in told if message["type"] == "sessionUpdated"]
            if running and updates and person.id in self.gateway.open:
                assert updates[-1]["status"] == running.status
        self._assert_counts_leave_the_version_alone()
        self._assert_never_were_too_many_admitted()

    def _assert_is_of_the_own_session(self, person: Person, told: list[dict[str, Any]]) -> None:
        kinds = [message["type"] for message in told]
        assert "audience" not in kinds or person.role is Role.SPEAKER
        for message in told:
            if "timestamp" in message:
                end = person.session_created_at + 24 * 60 * 60 * 1000
                assert person.session_created_at <= message["timestamp"] <= end
            assert message.get("sourceLanguage") in (None, self.language_of[person.session_created_at])

    def _assert_counts_leave_the_version_alone(self) -> None:
        for record in self.consumers[SESSIONS_TABLE].past:
            old, new = (record["dynamodb"].get(image, {}) for image in ("OldImage", "NewImage"))
            changed = {name for name in old | new if old.get(name) != new.get(name)}
            if not old or not new or old["createdAt"] != new["createdAt"]:
                continue
            if changed <= {"listenerCount", "audienceToldAt"}:
                assert old["version"] == new["version"]
            else:
                assert int(new["version"]["N"]) == int(old["version"]["N"]) + 1
                assert not changed & {"listenerCount", "audienceToldAt"}

    def _assert_never_were_too_many_admitted(self) -> None:
        admitted: dict[str, int] = {}
        for record in self.consumers[CONNECTIONS_TABLE].past:
            row = record["dynamodb"].get("NewImage", {})
            admitted.pop(record["dynamodb"]["Keys"]["connectionId"]["S"], None)
            if "admittedAt" in row and row["role"]["S"] == Role.LISTENER:
                admitted[row["connectionId"]["S"]] = int(row["sessionCreatedAt"]["N"])
            assert max(Counter(admitted.values()).values(), default=0) <= self.max_listeners

    # Means

    def _skew(self) -> int:
        return self.random.choice([0, 0, -300, 300])

    def _verdict(self, *, one_fault_in: int) -> Verdict:
        return Verdict.DONE if self.random.randrange(one_fault_in) else self.random.choice(list(Verdict))

    def _connect(self, role: Role, skew_ms: int) -> None:
        person_id = f"{role}-{len(self.people)}"
        listener = role is Role.LISTENER
        event = websocket_events.connect(
            connection_id=person_id, language="es" if listener else None, speaker=None if listener else ALICE
        )

        def open_the_socket(answer: dict[str, Any]) -> None:
            assert self.world.running
            self.world.running.stop_before("answer")
            if answer["statusCode"] == 200:
                self.gateway.open.add(person_id)

        run = self._run(person_id, self.connect, event, skew_ms, open_the_socket)
        self.people.append(Person(person_id, self.newest.created_at, role, run))

    def _run(
        self,
        name: str,
        function: ModuleType,
        event: dict[str, Any],
        skew_ms: int,
        then: Callable[[dict[str, Any]], None] = lambda answer: None,
    ) -> Run:
        def invoke() -> dict[str, Any]:
            answer = function.handler(event, None)
            then(answer)
            return answer

        return self.world.start(name, invoke, limit_ms=10_000, skew_ms=skew_ms)

    def _deliver(self, consumer: StreamConsumer) -> None:
        if consumer.poll() and consumer.pending:
            start = self.random.choice([0, 0, len(consumer.pending) // 2])
            end = start + self.random.randint(1, 4)
            records = consumer.pending[start:end]
            del consumer.pending[start:end]
            consumer.deliver(records)

    def _open(self, language: Language = Language.ENGLISH) -> None:
        now = self.world.now
        created_at = now - 24 * 60 * 60 * 1000 + LIFE_LEFT_S * 1000
        session = a_session(
            created_at=created_at,
            updated_at=created_at,
            version=created_at,
            expires_at=now // 1000 + LIFE_LEFT_S,
            source_language=language,
        )
        added = self.sessions.add(session, reusable_before=now // 1000 - GRACE_S)
        assert isinstance(added, Session)
        self.newest = added
        self.language_of[created_at] = language

    def _present(self) -> list[Person]:
        return [person for person in self.people if person.id in self.gateway.open]

    def _admitted(self) -> list[Connection]:
        return [
            row
            for row in self.connections.of_session(SESSION_ID)
            if row.admitted_at and row.role is Role.LISTENER and row.live(self.world.now)
        ]

    def _run_disconnect(self, person: Person) -> None:
        event = websocket_events.disconnect(connection_id=person.id)
        self._run(f"disconnect {person.id}", self.disconnect, event, skew_ms=0)


TestJoinAndEnd = JoinAndEnd.TestCase
