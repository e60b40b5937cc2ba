"""Connections to a session that ends or expires, as a state machine: any order, any call may fail.

The real handlers run with tables in moto and a fake of the @connections API. Lambda may kill a function at
any call, and streams deliver records late, in another order and again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

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
from shared.aws import dynamodb
from shared.aws.connections_table import ConnectionsTable
from shared.aws.listener_counts import ListenerCounts
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.sessions.ids import GRACE_S
from shared.sessions.session import LIFETIME_S, Language, Session, Status
from tests.support import http_events, websocket_events
from tests.support.handlers import load_handler
from tests.support.management_api import FakeManagementApi
from tests.support.sessions import ALICE, NOW, a_session
from tests.support.tables import CONNECTIONS_TABLE, SESSIONS_TABLE, Stream, create_tables
from tests.support.use_cases import SessionUseCases
from tests.unit.state_machine.scheduler import Invocation, Outcome, Scheduler

SESSION_ID = "blessed-shepherd-427"
# Longer than a notifier waits for a handshake, and short enough to expire within an example.
REMAINING_LIFETIME_S = 45

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
    "let_time_pass": 2,
    "delete_expired_items": 1,
    "let_the_session_expire": 1,
    "reuse_the_session_id": 1,
}


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
class Delivery:
    """A batch of stream records, and the invocation that handles it."""

    records: list[dict[str, Any]]
    invocation: Invocation

    def failed_records(self) -> list[dict[str, Any]]:
        """Return the records that Lambda delivers again: from the first failure on, or all."""
        if self.invocation.killed:
            return self.records
        failures = self.invocation.response["batchItemFailures"]
        sequence_numbers = [record["dynamodb"]["SequenceNumber"] for record in self.records]
        return self.records[sequence_numbers.index(failures[0]["itemIdentifier"]) :] if failures else []


class StreamConsumer:
    """The event source mapping of a table: delivers one batch at a time, again until it succeeds."""

    def __init__(self, client: Any, table: str, function: ModuleType, scheduler: Scheduler) -> None:
        self.pending: list[dict[str, Any]] = []
        self.all_records: list[dict[str, Any]] = []
        self._stream = Stream(client, table)
        self._function = function
        self._scheduler = scheduler
        self._delivery: Delivery | None = None

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
        return [record for record in records if record["eventName"] in ("MODIFY", "REMOVE")]

    def deliver(self, records: list[dict[str, Any]]) -> None:
        """Invoke the function with a batch of records."""
        context = SimpleNamespace(get_remaining_time_in_millis=self._scheduler.remaining_ms)
        invocation = self._scheduler.invoke(
            self._function.__name__,
            lambda: self._function.handler({"Records": records}, context),
            timeout_ms=60_000,
        )
        self._delivery = Delivery(records, invocation)


@settings(
    max_examples=200,
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
        self.patch = pytest.MonkeyPatch()

    # Hypothesis draws only the seed, and there is one rule that chooses an action by its weight. Choices that
    # Hypothesis draws itself are often equal, which left out rare combinations.
    @initialize(random=st.randoms(use_true_random=True))
    def seed(self, random: Random) -> None:
        self.random = random
        self.max_listeners = random.randint(1, 3)
        self._compose_handlers()
        self.stream_consumers = {
            SESSIONS_TABLE: StreamConsumer(
                self.dynamodb, SESSIONS_TABLE, handler("session_changed"), self.scheduler
            ),
            CONNECTIONS_TABLE: StreamConsumer(
                self.dynamodb, CONNECTIONS_TABLE, handler("connections_changed"), self.scheduler
            ),
        }
        self._create_session()

    def _compose_handlers(self) -> None:
        clock, sleep = self.scheduler.clock, self.scheduler.sleep
        sessions, connections = self.sessions, self.connections
        gateway = ManagementApi(self.management_api)  # type: ignore[arg-type]
        metrics: Any = SimpleNamespace(session_ended=lambda _: None)
        use_cases = SessionUseCases(sessions, metrics, clock)
        join = Join(sessions, connections, max_listeners=self.max_listeners, clock=clock, sleep=sleep)
        notify = Notifier(sessions, connections, gateway, clock, sleep)
        count_listeners = ListenerCounter(
            ListenerCounts(self.dynamodb, SESSIONS_TABLE),
            connections,
            gateway,
            clock,
            sleep,
            lambda _count: None,
        )
        for module, name, value in (
            (handler("connect_session"), "join", join),
            (handler("connect_session"), "joins_per_address", SimpleNamespace(take=lambda _: None)),
            (handler("disconnect_session"), "connections", connections),
            (handler("update_session"), "update_session", use_cases.update),
            (handler("delete_session"), "delete_session", use_cases.delete),
            (handler("session_changed"), "notify", notify),
            (handler("connections_changed"), "count_listeners", count_listeners),
            (notifier, "MAX_PARALLEL", 1),  # the order of parallel calls would not be deterministic
        ):
            self.patch.setattr(module, name, value)

    @rule()
    def take_an_action(self) -> None:
        (action,) = self.random.choices(list(ACTION_WEIGHTS), list(ACTION_WEIGHTS.values()))
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

    def let_time_pass(self) -> None:
        self.scheduler.advance(self.random.choice([200, 2000, 11_000]))

    def delete_expired_items(self) -> None:
        now_s = self.scheduler.now // 1000
        session = self.sessions.get(SESSION_ID)
        if session and session.expires_at < now_s:
            self.dynamodb.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": SESSION_ID}})
        for row in self.connections.of_session(SESSION_ID):
            # Rows of admitted connections expire after API Gateway has closed them, which is not modelled.
            if row.expires_at < now_s and row.admitted_at is None:
                self.connections.remove(row.session_id, row.id)

    def let_the_session_expire(self) -> None:
        self.scheduler.advance(max(0, self.newest.expires_at * 1000 - self.scheduler.now))

    def reuse_the_session_id(self) -> None:
        reusable_at = (self.newest.expires_at + GRACE_S + 1) * 1000
        self.scheduler.advance(max(0, reusable_at - self.scheduler.now))
        self._create_session(language=Language.FRENCH)

    # Invariants, and what must hold at the end of an example

    @invariant()
    def there_are_never_more_listeners_than_allowed(self) -> None:
        listeners = Counter(
            client.session_created_at for client in self._connected_clients() if client.role is Role.LISTENER
        )
        assert max(listeners.values(), default=0) <= self.max_listeners

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
        self.scheduler.advance(15_000)
        self.delete_expired_items()
        while self._take_a_step(Outcome.SUCCESS):
            pass

    def _take_a_step(self, outcome: Outcome) -> bool:
        """Resume a function or deliver a batch of records; return False if there are none."""
        awake = [one for one in self.scheduler.invocations if one.sleeps_until <= self.scheduler.now]
        ready = [
            consumer for consumer in self.stream_consumers.values() if consumer.poll() and consumer.pending
        ]
        candidates = [*(awake or self.scheduler.invocations), *ready]
        if not candidates:
            return False
        chosen = self.random.choice(candidates)
        if isinstance(chosen, StreamConsumer):
            records, chosen.pending = chosen.pending[:10], chosen.pending[10:]
            chosen.deliver(records)
        else:
            self.scheduler.resume(chosen, outcome)
        return True

    def _assert_final_state(self) -> None:
        current = self.sessions.get(SESSION_ID)
        running = current if current and current.status is not Status.ENDED else None
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
                assert updates[-1]["status"] == running.status
        self._assert_counts_do_not_change_the_version()
        self._assert_never_too_many_listeners_were_admitted()

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
            if changed <= {"listenerCount", "audienceToldAt"}:
                assert old["version"] == new["version"]
            else:
                assert int(new["version"]["N"]) == int(old["version"]["N"]) + 1
                assert not changed & {"listenerCount", "audienceToldAt"}

    def _assert_never_too_many_listeners_were_admitted(self) -> None:
        admitted: dict[str, int] = {}
        for record in self.stream_consumers[CONNECTIONS_TABLE].all_records:
            row = record["dynamodb"].get("NewImage", {})
            admitted.pop(record["dynamodb"]["Keys"]["connectionId"]["S"], None)
            if "admittedAt" in row and row["role"]["S"] == Role.LISTENER:
                admitted[row["connectionId"]["S"]] = int(row["sessionCreatedAt"]["N"])
            assert max(Counter(admitted.values()).values(), default=0) <= self.max_listeners

    # Helpers

    def _any_clock_skew(self) -> int:
        return self.random.choice([0, 0, -300, 300])

    def _any_outcome(self, *, one_fault_in: int) -> Outcome:
        return Outcome.SUCCESS if self.random.randrange(one_fault_in) else self.random.choice(list(Outcome))

    def _connect(self, role: Role, clock_skew_ms: int) -> None:
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

        self._invoke(client_id, handler("connect_session"), event, clock_skew_ms, open_connection)
        self.clients.append(Client(client_id, self.newest.created_at, role))

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
            source_language=language,
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


TestJoinAndEnd = JoinAndEnd.TestCase
