"""Connections to a session that ends or expires, as a state machine: any order, any call may fail.

The real handlers run with tables in moto and a fake of the @connections API. Lambda may kill a function at
any call, calls of a join, a count or a disconnect arrive late or twice, streams deliver records late, in
another order and again, and another release writes rows too.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto import mock_aws

from shared.audience.connection import HANDSHAKE_S, Connection, Role, SessionRef
from shared.audience.delivery import Delivery
from shared.audience.join import RECOUNT_INTERVAL_MS, Join
from shared.audience.listener_counter import ListenerCounter
from shared.audience.notifier import Notifier
from shared.audience.places import CountPlaces
from shared.audience.presence import AnnounceAbsence, SpeakerPresence
from shared.audience.sweep import RETRY_S, Sweep
from shared.aws import dynamodb
from shared.aws.audiences_table import AudiencesTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.due_index import DueIndex
from shared.aws.management_api import ManagementApi
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable
from shared.errors import ServiceUnavailable
from shared.sessions.session import GRACE_S, LIFETIME_S, Language, Session, Status
from tests.support import http_events, websocket_events
from tests.support.executors import SequentialExecutor
from tests.support.handlers import load_handler
from tests.support.management_api import FakeManagementApi
from tests.support.sessions import ALICE, NOW, a_session
from tests.support.tables import (
    AUDIENCES_TABLE,
    CONNECTIONS_TABLE,
    KEYS,
    SESSIONS_TABLE,
    Stream,
    create_tables,
)
from tests.support.use_cases import SessionUseCases
from tests.unit.state_machine.scheduler import Invocation, Outcome, Request, Scheduler

SESSION_ID = "blessed-shepherd-427"
# Longer than a notifier waits for a handshake, and short enough to expire within an example.
REMAINING_LIFETIME_S = 120
CONTAINERS = 3  # of connect_session
# The calls of a join, a count and a disconnect that may arrive late or twice.
LATE_CALLS = {
    f"{CONNECTIONS_TABLE}:PutItem",
    f"{CONNECTIONS_TABLE}:UpdateItem",
    f"{CONNECTIONS_TABLE}:DeleteItem",
    f"{AUDIENCES_TABLE}:UpdateItem",
}
MAX_CLOCK_SKEW_MS = 1500  # less than the sweep waits for clocks that are behind
# What a later release writes: words and an attribute that this one does not know.
FUTURE_SESSION = {"qualityTier": {"S": "ultra"}, "mood": {"S": "calm"}}
FUTURE_CONNECTION = {"targetLanguage": {"S": "uk"}, "mood": {"S": "calm"}}

ACTION_WEIGHTS = {
    "connect_a_listener": 5,
    "connect_the_speaker": 2,
    "close_a_connection": 2,
    "update_the_session": 2,
    "end_the_session": 2,
    "resume_a_function": 18,
    "deliver_session_records": 4,
    "deliver_connection_records": 4,
    "deliver_an_old_record_again": 2,
    "deliver_a_late_call": 2,
    "let_time_pass": 2,
    "sweep": 2,
    "write_as_another_release": 2,
    "delete_expired_items": 1,
    "let_the_session_expire": 1,
    "reuse_the_session_id": 1,
}
# Of the examples that are only about places, with more actions in each step.
PLACES_WEIGHTS = {
    "connect_a_listener": 6,
    "close_a_connection": 3,
    "resume_a_function": 18,
    "deliver_connection_records": 5,
    "deliver_an_old_record_again": 1,
    "deliver_a_late_call": 3,
    "let_time_pass": 2,
    "delete_expired_items": 1,
}
PLACES_ACTIONS_PER_STEP = 3


@cache
def dynamodb_client() -> Any:
    """Create the client that all examples share, because creating one takes long."""
    return dynamodb.create_client()


@cache
def handler(function: str) -> ModuleType:
    """Load a handler that all examples share, because loading one takes long."""
    return load_handler(function)


@dataclass(eq=False)
class Client:
    """A client that has requested a connection to one session; its id is the connection's."""

    id: str
    session_created_at: int
    role: Role


@dataclass(eq=False)
class Batch:
    """A batch of stream records, and the invocation that handles it."""

    records: list[dict[str, Any]]
    invocation: Invocation

    def failed_records(self) -> list[dict[str, Any]]:
        """Return the records that Lambda delivers again: from the first failure on, or all."""
        if self.invocation.killed:
            return self.records
        failures = self.invocation.response["batchItemFailures"]
        sequence_numbers = [record["dynamodb"]["SequenceNumber"] for record in self.records]
        failed = [sequence_numbers.index(failure["itemIdentifier"]) for failure in failures]
        return self.records[min(failed) :] if failed else []


class StreamConsumer:
    """The event source mapping of a table: delivers one batch at a time, again until it succeeds."""

    def __init__(
        self, client: Any, table: str, function: ModuleType, scheduler: Scheduler, new_image: str = ""
    ) -> None:
        self.pending: list[dict[str, Any]] = []
        self.all_records: list[dict[str, Any]] = []
        self._stream = Stream(client, table)
        self._function = function
        self._scheduler = scheduler
        self._new_image = new_image
        self._delivery: Batch | None = None

    def poll(self) -> bool:
        """Read new records and the result of the last batch; return whether a batch can be delivered."""
        records = self._stream.new_records()
        self.all_records += records
        self.pending += self.matching(records)
        if self._delivery and self._delivery.invocation.ended:
            self.pending = self._delivery.failed_records() + self.pending
            self._delivery = None
        return self._delivery is None

    def matching(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the records that match the filter of the event source mapping."""
        return [
            record
            for record in records
            if record["eventName"] in ("MODIFY", "REMOVE")
            and (not self._new_image or self._new_image in record["dynamodb"].get("NewImage", {}))
        ]

    def deliver(self, records: list[dict[str, Any]]) -> None:
        """Invoke the function with a batch of records."""
        context = SimpleNamespace(get_remaining_time_in_millis=self._scheduler.remaining_ms)
        invocation = self._scheduler.invoke(
            self._function.__name__,
            lambda: self._function.handler({"Records": records}, context),
            timeout_ms=60_000,
        )
        self._delivery = Batch(records, invocation)


@settings(
    max_examples=25,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
class JoinAndEnd(RuleBasedStateMachine):
    """One session id, the sessions that have it one after the other, and their clients."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(NOW)
        self.management_api = FakeManagementApi()
        self.management_api.before = self.scheduler.before_management_api
        self.management_api.after = self.scheduler.after_management_api
        self.clients: list[Client] = []
        self.languages: dict[int, Language] = {}  # source languages by the creation time of the session
        self.aws = mock_aws()
        self.aws.start()
        self.dynamodb = dynamodb_client()
        self.scheduler.intercept(self.dynamodb)
        create_tables(self.dynamodb)
        self.sessions = SessionsTable(self.dynamodb, SESSIONS_TABLE)
        self.connections = ConnectionsTable(self.dynamodb, CONNECTIONS_TABLE)
        self.places = AudiencesTable(self.dynamodb, AUDIENCES_TABLE)
        self.patch = pytest.MonkeyPatch()

    # Hypothesis draws only the seed, and there is one rule that chooses an action by its weight. Choices that
    # Hypothesis draws itself are often equal, which left out rare combinations.
    @initialize(random=st.randoms(use_true_random=True))
    def seed(self, random: Random) -> None:
        self.random = random
        self.about_places = random.random() < 0.5
        self.max_listeners = random.randint(1, 3)
        # With a limit the due time of an absence differs; the session itself expires before the limit.
        self.absent_minutes = random.choice([0, 120])
        # A put that arrives after the row was removed writes it again. An admission that arrives even later
        # would admit a connection that is not open. A count whose clock is more than a second ahead would
        # have removed the row of a join that still runs. So late puts exclude the other two.
        self.clock_skews_ms = [0, 0, -300, 300]
        excluded = random.choice([f"{CONNECTIONS_TABLE}:PutItem", f"{CONNECTIONS_TABLE}:UpdateItem"])
        if excluded.endswith("PutItem"):
            self.clock_skews_ms += [-MAX_CLOCK_SKEW_MS, MAX_CLOCK_SKEW_MS]
        self.scheduler.may_be_late = (LATE_CALLS - {excluded}).__contains__
        self._compose_handlers()
        self.stream_consumers = {
            SESSIONS_TABLE: StreamConsumer(
                self.dynamodb, SESSIONS_TABLE, handler("session_changed"), self.scheduler
            ),
            CONNECTIONS_TABLE: StreamConsumer(
                self.dynamodb, CONNECTIONS_TABLE, handler("connections_changed"), self.scheduler
            ),
            "absences": StreamConsumer(
                self.dynamodb,
                SESSIONS_TABLE,
                handler("presence_changed"),
                self.scheduler,
                new_image="speakerAbsentSince",
            ),
        }
        self._create_session()

    def _compose_handlers(self) -> None:
        clock, sleep = self.scheduler.clock, self.scheduler.sleep
        sessions, connections = self.sessions, self.connections
        gateway = ManagementApi(self.management_api)  # type: ignore[arg-type]
        metrics: Any = SimpleNamespace(session_ended=lambda _: None)
        use_cases = SessionUseCases(sessions, metrics, clock)
        containers = [Join(sessions, connections, self.places, clock=clock) for _ in range(CONTAINERS)]

        def join(*args: Any, **kwargs: Any) -> Connection:
            return self.random.choice(containers)(*args, **kwargs)

        bookkeeping = SessionBookkeeping(self.dynamodb, SESSIONS_TABLE)
        presence = SpeakerPresence(bookkeeping, absent_minutes=self.absent_minutes)
        # The order of parallel calls would not be deterministic.
        delivery = Delivery(connections, gateway, SequentialExecutor(), clock, sleep)
        notify = Notifier(sessions, bookkeeping, delivery)
        count_listeners = ListenerCounter(
            bookkeeping,
            CountPlaces(self.places, connections, clock),
            gateway,
            presence,
            SequentialExecutor(),
            clock,
            sleep,
            lambda _count: None,
        )
        announce_absence = AnnounceAbsence(
            bookkeeping, delivery, absent_minutes=self.absent_minutes, clock=clock, sleep=sleep
        )
        sweep = Sweep(
            DueIndex(self.dynamodb, SESSIONS_TABLE),
            sessions,
            connections,
            bookkeeping,
            presence,
            delivery,
            metrics,
            SequentialExecutor(),
            absent_minutes=self.absent_minutes,
        )
        for module, name, value in (
            (handler("connect_session"), "join", join),
            (handler("connect_session"), "joins_per_address", SimpleNamespace(take=lambda _: None)),
            (handler("disconnect_session"), "connections", connections),
            (handler("update_session"), "update_session", use_cases.update),
            (handler("delete_session"), "delete_session", use_cases.delete),
            (handler("session_changed"), "notify", notify),
            (handler("connections_changed"), "count_listeners", count_listeners),
            (handler("presence_changed"), "announce_absence", announce_absence),
            (handler("sweep_sessions"), "sweep", sweep),
        ):
            self.patch.setattr(module, name, value)

    @rule()
    def take_an_action(self) -> None:
        weights = PLACES_WEIGHTS if self.about_places else ACTION_WEIGHTS
        count = PLACES_ACTIONS_PER_STEP if self.about_places else 1
        for action in self.random.choices(list(weights), list(weights.values()), k=count):
            note(f"{self.scheduler.now - NOW} ms: {action}")
            getattr(self, action)()

    # Actions: clients

    def connect_a_listener(self) -> None:
        self._connect(Role.LISTENER, self._any_clock_skew())

    def connect_the_speaker(self) -> None:
        self._connect(Role.SPEAKER, self._any_clock_skew())

    def close_a_connection(self) -> None:
        if connected := self._connected_clients():
            client = self.random.choice(connected)
            self.management_api.open.remove(client.id)
            if self.random.random() < 0.5:  # $disconnect is best effort
                event = websocket_events.disconnect(connection_id=client.id)
                self._invoke(f"disconnect {client.id}", handler("disconnect_session"), event)

    def update_the_session(self) -> None:
        body = {"status": self.random.choice([Status.PAUSED, Status.ACTIVE])}
        event = http_events.event(http_events.UPDATE, speaker=ALICE, body=body)
        self._invoke("update", handler("update_session"), event, self._any_clock_skew())

    def end_the_session(self) -> None:
        event = http_events.event(http_events.DELETE, speaker=ALICE)
        self._invoke("delete", handler("delete_session"), event, self._any_clock_skew())

    # Actions: Lambda and DynamoDB

    def resume_a_function(self) -> None:
        if self.scheduler.invocations:
            invocation = self.random.choice(self.scheduler.invocations)
            calls = self.random.choice([1, 1, 2, 3, 5, 30])
            last_outcome = self._any_outcome(one_fault_in=4)
            for call in range(calls):
                if not invocation.ended:
                    self.scheduler.resume(invocation, last_outcome if call == calls - 1 else Outcome.SUCCESS)

    def deliver_session_records(self) -> None:
        self._deliver(self.stream_consumers[SESSIONS_TABLE])

    def deliver_connection_records(self) -> None:
        self._deliver(self.stream_consumers[CONNECTIONS_TABLE])

    def deliver_an_old_record_again(self) -> None:
        consumer = self.random.choice(list(self.stream_consumers.values()))
        if consumer.poll() and (records := consumer.matching(consumer.all_records)):
            consumer.deliver([self.random.choice(records)])

    def deliver_a_late_call(self) -> None:
        if self.scheduler.late:
            self.scheduler.deliver(self.random.choice(self.scheduler.late))

    def sweep(self) -> None:
        # The scheduled time is at most a minute old; this one is exact.
        scheduled = datetime.fromtimestamp(self.scheduler.now // 1000, UTC).isoformat()
        context = SimpleNamespace(get_remaining_time_in_millis=self.scheduler.remaining_ms)

        def sweep() -> None:
            with suppress(ServiceUnavailable):  # the next minute's sweep does it
                handler("sweep_sessions").handler({"time": scheduled}, context)

        self.scheduler.invoke("sweep", sweep, timeout_ms=55_000)

    def write_as_another_release(self) -> None:
        """Change a row as a later release may have written it, or add one that this release cannot read."""
        listeners = [row for row in self.connections.of_session(SESSION_ID) if row.role is Role.LISTENER]
        table, key, attributes = self.random.choice(
            [
                (SESSIONS_TABLE, {"sessionId": {"S": SESSION_ID}}, FUTURE_SESSION),
                (CONNECTIONS_TABLE, _key("unreadable"), {"joinedAt": {"S": "never"}}),
                *((CONNECTIONS_TABLE, _key(row.id), FUTURE_CONNECTION) for row in listeners),
            ]
        )
        self.dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )

    def let_time_pass(self) -> None:
        self.scheduler.advance(self.random.choice([200, 2000, 7000, 11_000]))

    def delete_expired_items(self) -> None:
        now_s = self.scheduler.now // 1000
        for table in (SESSIONS_TABLE, CONNECTIONS_TABLE, AUDIENCES_TABLE):
            for item in self.dynamodb.scan(TableName=table)["Items"]:
                if "deleteAt" in item and int(item["deleteAt"]["N"]) < now_s:
                    key = {name: item[name] for name in KEYS[table]}
                    self.dynamodb.delete_item(TableName=table, Key=key)

    def let_the_session_expire(self) -> None:
        self.scheduler.advance(max(0, self.newest.expires_at * 1000 - self.scheduler.now))

    def reuse_the_session_id(self) -> None:
        # AWS refuses requests whose signature is older than a few minutes.
        while self.scheduler.late:
            self.scheduler.deliver(self.scheduler.late[0])
        reusable_at = (self.newest.expires_at + GRACE_S + 1) * 1000
        self.scheduler.advance(max(0, reusable_at - self.scheduler.now))
        # API Gateway closes every WebSocket after 2 h. Its row may be gone too: TTL is sometimes quick.
        self.management_api.open.clear()
        self._create_session(language=Language.FRENCH)

    # Invariants, and what must hold at the end of an example

    @invariant()
    def there_are_never_more_listeners_than_allowed(self) -> None:
        listeners = Counter(
            client.session_created_at for client in self._connected_clients() if client.role is Role.LISTENER
        )
        assert max(listeners.values(), default=0) <= self.max_listeners

    @invariant()
    def every_admitted_listener_has_a_place(self) -> None:
        if self.about_places:
            places = self.places.get(SessionRef(SESSION_ID, self.newest.created_at))
            assert len(self._admitted_listeners()) <= places.taken <= self.max_listeners

    def teardown(self) -> None:
        try:
            if hasattr(self, "stream_consumers"):
                self._run_to_completion()
                self._assert_final_state()
        finally:
            self.scheduler.stop_intercepting(self.dynamodb)
            self.patch.undo()
            self.aws.stop()

    def _run_to_completion(self) -> None:
        """Run all functions and deliver all records in a random order, at last without faults."""
        if self.random.random() < 0.5:
            self.end_the_session()
        while self._take_a_step(self._any_outcome(one_fault_in=16)):
            pass
        self._assert_that_free_places_can_be_taken()
        # Later than a sweep that has failed is repeated.
        self.scheduler.advance((RETRY_S + 15) * 1000)
        self.delete_expired_items()
        while self._take_a_step(Outcome.SUCCESS):
            pass
        self.sweep()
        while self._take_a_step(Outcome.SUCCESS):
            pass

    def _take_a_step(self, outcome: Outcome) -> bool:
        """Resume a function or deliver a batch of records; return False if there are none."""
        awake = [one for one in self.scheduler.invocations if one.sleeps_until <= self.scheduler.now]
        ready = [
            consumer for consumer in self.stream_consumers.values() if consumer.poll() and consumer.pending
        ]
        candidates = [*(awake or self.scheduler.invocations), *ready, *self.scheduler.late]
        if not candidates:
            return False
        chosen = self.random.choice(candidates)
        if isinstance(chosen, Request):
            self.scheduler.deliver(chosen)
        elif isinstance(chosen, StreamConsumer):
            records, chosen.pending = chosen.pending[:10], chosen.pending[10:]
            chosen.deliver(records)
        else:
            self.scheduler.resume(chosen, outcome)
        return True

    def _assert_final_state(self) -> None:
        current = self.sessions.get(SESSION_ID)
        live = current and current.live(self.scheduler.now) and current.status is not Status.ENDED
        running = current if live else None
        rows = self.connections.of_session(SESSION_ID)
        # No client is connected to a session that has ended or expired, and no row says so.
        allowed = {running.created_at if running else None}
        assert {row.session_created_at for row in rows} <= allowed
        assert {client.session_created_at for client in self._connected_clients()} <= allowed
        # Every connected client has the row of an admitted connection.
        assert {client.id for client in self._connected_clients()} <= {
            row.id for row in rows if row.admitted_at
        }
        if current:
            assert current.listener_count == len(self._admitted_listeners())
        for client in self.clients:
            messages = self.management_api.messages.get(client.id, [])
            self._assert_messages_belong_to_the_session(client, messages)
            updates = [message for message in messages if message["type"] == "sessionUpdated"]
            if running and updates and client.id in self.management_api.open:
                assert max(updates, key=lambda update: update["version"])["status"] == running.status
        if running:
            self._assert_presence(running)
        else:
            assert current is None or current.due_at is None
        self._assert_counts_do_not_change_the_version()
        self._assert_never_too_many_listeners_were_admitted()

    def _assert_that_free_places_can_be_taken(self) -> None:
        """The places of joins that were killed, have failed or were refused are free again."""
        # The rows of crashed joins lapse, the last count was long enough ago, and no container remembers it.
        wait_ms = HANDSHAKE_S * 1000 + RECOUNT_INTERVAL_MS + 2 * MAX_CLOCK_SKEW_MS
        current = self.sessions.get(SESSION_ID)
        if current is None or current.status is Status.ENDED:
            return
        if not current.live(self.scheduler.now + 2 * wait_ms):
            return
        self.scheduler.advance(wait_ms)
        admitted = len(self._admitted_listeners())
        statuses = [self._join_at_once() for _ in range(self.max_listeners - admitted + 1)]
        assert statuses == [200] * (self.max_listeners - admitted) + [503]

    def _join_at_once(self) -> int:
        """Connect a listener without faults; return the status."""
        invocation = self._connect(Role.LISTENER, 0)
        while not invocation.ended:
            self.scheduler.resume(invocation)
        return int(invocation.response["statusCode"])

    def _assert_presence(self, session: Session) -> None:
        speakers = [row for row in self.connections.of_session(SESSION_ID) if row.role is Role.SPEAKER]
        until = max((row.expires_at for row in speakers if row.admitted_at), default=None)
        assert session.speaker_connected_until == until
        assert session.due_at == session.next_due(self.absent_minutes)
        for listener in self._admitted_listeners():
            messages = self.management_api.messages.get(listener.id, [])
            notices = [message for message in messages if message["type"] == "speakerPresence"]
            if notices and listener.id in self.management_api.open:
                newest = max(notices, key=lambda notice: notice["timestamp"])
                assert newest["connected"] is (until is not None)

    def _assert_messages_belong_to_the_session(self, client: Client, messages: list[dict[str, Any]]) -> None:
        types = [message["type"] for message in messages]
        assert "audience" not in types or client.role is Role.SPEAKER
        for message in messages:
            if "timestamp" in message:
                expiry = client.session_created_at + LIFETIME_S * 1000
                assert client.session_created_at <= message["timestamp"] <= expiry
            assert message.get("sourceLanguage") in (None, self.languages[client.session_created_at])

    def _assert_counts_do_not_change_the_version(self) -> None:
        for record in self.stream_consumers[SESSIONS_TABLE].all_records:
            old, new = (record["dynamodb"].get(image, {}) for image in ("OldImage", "NewImage"))
            changed = {name for name in old | new if old.get(name) != new.get(name)}
            if not old or not new or old["createdAt"] != new["createdAt"]:
                continue
            raised = {"status", "sourceLanguage", "updatedAt", "writeId"} & changed
            assert int(new["version"]["N"]) == int(old["version"]["N"]) + bool(raised)

    def _assert_never_too_many_listeners_were_admitted(self) -> None:
        admitted: dict[str, int] = {}
        for record in self.stream_consumers[CONNECTIONS_TABLE].all_records:
            old, row = (record["dynamodb"].get(image, {}) for image in ("OldImage", "NewImage"))
            assert "admittedAt" in row or not row or "admittedAt" not in old  # nobody is un-admitted
            admitted.pop(record["dynamodb"]["Keys"]["connectionId"]["S"], None)
            if "admittedAt" in row and row["role"]["S"] == Role.LISTENER:
                admitted[row["connectionId"]["S"]] = int(row["sessionCreatedAt"]["N"])
            assert max(Counter(admitted.values()).values(), default=0) <= self.max_listeners

    # Helpers

    def _any_clock_skew(self) -> int:
        return self.random.choice(self.clock_skews_ms)

    def _any_outcome(self, *, one_fault_in: int) -> Outcome:
        return Outcome.SUCCESS if self.random.randrange(one_fault_in) else self.random.choice(list(Outcome))

    def _connect(self, role: Role, clock_skew_ms: int) -> Invocation:
        client_id = f"{role}-{len(self.clients)}"
        listener = role is Role.LISTENER
        event = websocket_events.connect(
            connection_id=client_id, language="es" if listener else None, speaker=None if listener else ALICE
        )

        def open_connection(response: dict[str, Any]) -> None:
            assert self.scheduler.running
            self.scheduler.running.pause_before("response")
            if response["statusCode"] == 200:
                self.management_api.open.add(client_id)

        self.clients.append(Client(client_id, self.newest.created_at, role))
        return self._invoke(client_id, handler("connect_session"), event, clock_skew_ms, open_connection)

    def _invoke(
        self,
        name: str,
        function: ModuleType,
        event: dict[str, Any],
        clock_skew_ms: int = 0,
        on_response: Callable[[dict[str, Any]], None] = lambda response: None,
    ) -> Invocation:
        def invoke() -> dict[str, Any]:
            response = function.handler(event, None)
            on_response(response)
            return response

        return self.scheduler.invoke(name, invoke, timeout_ms=10_000, clock_skew_ms=clock_skew_ms)

    def _deliver(self, consumer: StreamConsumer) -> None:
        if consumer.poll() and consumer.pending:
            start = self.random.choice([0, 0, len(consumer.pending) // 2])
            end = start + self.random.randint(1, 4)
            records = consumer.pending[start:end]
            del consumer.pending[start:end]
            consumer.deliver(records)

    def _create_session(self, language: Language = Language.ENGLISH) -> None:
        now = self.scheduler.now
        created_at = now - LIFETIME_S * 1000 + REMAINING_LIFETIME_S * 1000
        session = a_session(
            created_at=created_at,
            updated_at=created_at,
            version=created_at,
            expires_at=now // 1000 + REMAINING_LIFETIME_S,
            due_at=now // 1000 + REMAINING_LIFETIME_S,
            source_language=language,
            max_listeners=self.max_listeners,
        )
        added = self.sessions.add(session, reusable_before=now // 1000 - GRACE_S)
        assert isinstance(added, Session)
        self.newest = added
        self.languages[created_at] = language

    def _connected_clients(self) -> list[Client]:
        return [client for client in self.clients if client.id in self.management_api.open]

    def _admitted_listeners(self) -> list[Connection]:
        return [
            row
            for row in self.connections.of_session(SESSION_ID)
            if row.admitted_at and row.role is Role.LISTENER and row.live(self.scheduler.now)
        ]


def _key(connection_id: str) -> dict[str, Any]:
    return {"sessionId": {"S": SESSION_ID}, "connectionId": {"S": connection_id}}


TestJoinAndEnd = JoinAndEnd.TestCase
