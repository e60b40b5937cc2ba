"""The HTTP API as a state machine: requests of several speakers in any order, with faults and passing time.

The real handlers run with a table in moto. A model of the API predicts every status and body.
`make stress PARTS=fuzz` runs more and longer sequences.
"""

import json
from enum import StrEnum
from functools import cache
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.retries.quota import RetryQuota
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from moto import mock_aws
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from shared.aws import dynamodb
from shared.aws.idempotency_keys_table import IdempotencyKeysTable
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.sessions import ids
from shared.sessions.cursors import SignedCursors
from shared.sessions.keys import IdempotencyKey
from shared.sessions.list import ListSessions
from tests.support.handlers import FUNCTIONS, load_handler, replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.sessions import ALICE, BOB, NOW
from tests.support.tables import IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE, TRANSACTIONS, create_table
from tests.support.use_cases import SessionUseCases
from tests.unit.state_machine.http_api_model import GRACE_S, FailedCall, Model, Row

ERROR_CODES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_REQUIRED",
    403: "NOT_AUTHORIZED",
    404: "SESSION_NOT_FOUND",
    409: "SESSION_ENDED",
    412: "VERSION_MISMATCH",
    422: "IDEMPOTENCY_KEY_REUSED",
    503: "SERVICE_UNAVAILABLE",
}
UNKNOWN_ID, MALFORMED_ID = "pure-hope-999", "pure-hope-99"
IDS_PER_ATTEMPT = 4  # few, so that ids clash and are reused often

LANGUAGES, TIERS, STATUSES = ("en", "de"), ("standard", "premium"), ("active", "paused", "ended")


class Fault(StrEnum):
    """What happens to a call of DynamoDB. The SDK retries once, which makes up for what happens once."""

    NONE = "none"
    REQUEST_LOST_ONCE = "request lost once"
    RESPONSE_LOST_ONCE = "response lost once"
    REQUEST_LOST = "request lost"
    RESPONSE_LOST = "response lost"


FAULTS = [Fault.NONE] * 3 + list(Fault)

ACTION_WEIGHTS = {
    "create_session": 6,
    "get_session": 3,
    "update_session": 6,
    "delete_session": 2,
    "list_sessions": 4,
    "continue_a_list_from_an_old_cursor": 2,
    "send_invalid_requests": 1,
    "let_time_pass": 2,
    "let_a_session_expire": 1,
    "delete_an_expired_key": 1,
    "reuse_the_id_of_an_expired_session": 1,
    "delete_an_expired_item": 1,
}


class Network:
    """The network between the handlers and moto. It may lose requests, and responses to applied requests."""

    def __init__(self, client: Any) -> None:
        self._events = client.meta.events
        self._planned_fault = self._fault = Fault.NONE
        self._calls_before_fault = -1
        self._attempts = 0
        self._sending = False

    def plan(self, fault: Fault, call: int = 0) -> FailedCall | None:
        """Plan a fault for the call with this index of the next invocation; return the call if it fails."""
        self._planned_fault, self._calls_before_fault = fault, call
        if fault in (Fault.REQUEST_LOST, Fault.RESPONSE_LOST):
            return FailedCall(call, applied=fault is Fault.RESPONSE_LOST)
        return None

    def connect(self) -> None:
        """Handle all calls of the client."""
        self._events.register("before-call.dynamodb", self._begin_call)
        self._events.register_first("before-send.dynamodb", self._send)

    def disconnect(self) -> None:
        """Stop handling the calls of the client."""
        self._events.unregister("before-call.dynamodb", self._begin_call)
        self._events.unregister("before-send.dynamodb", self._send)

    def _begin_call(self, **_: Any) -> None:
        self._fault = self._planned_fault if self._calls_before_fault == 0 else Fault.NONE
        self._calls_before_fault -= 1
        self._attempts = 0

    def _send(self, request: AWSRequest, event_name: str, **_: Any) -> None:
        if self._sending or self._fault is Fault.NONE:
            return
        self._attempts += 1
        if self._fault in (Fault.REQUEST_LOST_ONCE, Fault.RESPONSE_LOST_ONCE) and self._attempts > 1:
            return
        if self._fault in (Fault.RESPONSE_LOST_ONCE, Fault.RESPONSE_LOST):
            self._sending = True
            try:
                self._events.emit(event_name, request=request)
            finally:
                self._sending = False
            raise ReadTimeoutError(endpoint_url="dynamodb")
        raise ConnectionClosedError(endpoint_url="dynamodb")


@cache
def dynamodb_client() -> Any:
    """Create the client that all examples share, because creating one takes long."""
    return dynamodb.create_client()


@cache
def load_handlers() -> dict[str, ModuleType]:
    """Load the handlers that all examples share, by route."""
    return {route: load_handler(FUNCTIONS[route]) for route in (CREATE, GET, UPDATE, DELETE, LIST)}


class HttpApi(RuleBasedStateMachine):
    """Two speakers, and anonymous clients that know session ids."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(NOW)
        self.views_by_etag: dict[tuple[str, str], Any] = {}
        self.cursors: list[tuple[str, str | None, int, str]] = []  # with speaker, status and last createdAt
        self.draws = [0] * 5
        self.aws = mock_aws()
        self.aws.start()
        self.client = dynamodb_client()
        create_table(self.client, SESSIONS_TABLE)
        create_table(self.client, IDEMPOTENCY_KEYS_TABLE)
        self.network = Network(self.client)
        self.network.connect()
        self.patch = pytest.MonkeyPatch()
        self._compose_handlers()

    def _compose_handlers(self) -> None:
        def clock() -> int:
            return self.model.now

        metrics = SimpleNamespace(
            session_created=lambda _: None, session_ended=lambda _: None, session_id_clash=lambda: None
        )
        use_cases = SessionUseCases(
            SessionsTable(self.client, SESSIONS_TABLE),
            metrics,
            clock,
            keys=IdempotencyKeysTable(self.client, IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE),
            draw=lambda attempt, _n: self.draws[attempt],
        )
        list_sessions = ListSessions(SpeakerIndex(self.client, SESSIONS_TABLE), SignedCursors("a-k3y"), clock)
        self.handlers = load_handlers()
        replace_use_cases(self.patch, self.handlers, use_cases)
        self.patch.setattr(self.handlers[LIST], "list_sessions", list_sessions)
        # The SDK must not wait before a retry.
        self.patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        # The SDK stops retrying after many faults, and the examples share its client.
        self.patch.setattr(RetryQuota, "acquire", lambda _self, _amount: True)

    def teardown(self) -> None:
        self.patch.undo()
        self.network.disconnect()
        self.aws.stop()

    # Hypothesis draws only the seed, and there is one rule that chooses an action by its weight. Choices that
    # Hypothesis draws itself are often equal, which left out rare combinations.
    @initialize(random=st.randoms(use_true_random=True))
    def seed(self, random: Random) -> None:
        self.random = random

    @rule()
    def take_an_action(self) -> None:
        (action,) = self.random.choices(list(ACTION_WEIGHTS), list(ACTION_WEIGHTS.values()))
        note(f"{self.model.now - NOW} ms: {action}")
        getattr(self, action)()

    # Actions: requests

    def create_session(self) -> None:
        body = {"sourceLanguage": self.random.choice(LANGUAGES)} | self._some_of({"qualityTier": TIERS})
        draws = [self.random.randrange(IDS_PER_ATTEMPT) for _ in range(5)]
        call = self.random.choice([0, 0, 1, 2])
        self._create(body, self.random.choice([None, None, "k1", "k2"]), draws, self._any_fault(), call)

    def get_session(self) -> None:
        self._get(self._any_id(), self._any_fault(), if_none_match=self.random.random() < 0.3)

    def update_session(self) -> None:
        changes = self._some_of({"status": STATUSES, "sourceLanguage": LANGUAGES, "qualityTier": TIERS})
        changes = changes or {"status": "paused"}
        response, row = self._update(UPDATE, self._any_id(), changes, self._any_fault(), body=changes)
        if row:
            self._assert_body_and_etag(response, row)

    def delete_session(self) -> None:
        self._update(DELETE, self._any_id(), {"status": "ended"}, self._any_fault())

    def list_sessions(self) -> None:
        limit, status = self.random.randint(1, 4), self.random.choice([None, None, *STATUSES])
        speaker = self._any_speaker()
        if self.network.plan(self._any_fault()):
            self._send(LIST, 503, speaker=speaker, query={"limit": str(limit)})
        else:
            self._list_all_pages(speaker, status, limit)

    def continue_a_list_from_an_old_cursor(self) -> None:
        if not self.cursors:
            return
        speaker, status, created_before, cursor = self.random.choice(self.cursors)
        other_speaker = BOB if speaker == ALICE else ALICE
        other_status = "paused" if status == "ended" else "ended"
        page = self._list_page(speaker, {"limit": "100", "status": status, "cursor": cursor})
        assert page == {"sessions": self.model.views_of(speaker, status, created_before)}
        same_status = {"status": status} if status else {}
        self._send(LIST, 400, speaker=other_speaker, query={"cursor": cursor} | same_status)
        self._send(LIST, 400, speaker=speaker, query={"cursor": cursor, "status": other_status})

    def send_invalid_requests(self) -> None:
        self.network.plan(Fault.REQUEST_LOST)  # changes nothing, because there is no call
        bodies = ["", "[]", "{", '{"status": null}', '{"speakerId": "me"}', "x" * 5000]
        request = {"session_id": self._any_id(), "body": self.random.choice(bodies)}
        for route in (CREATE, UPDATE):
            self._send(route, 400, speaker=self._any_speaker(), **request)
        for route in (CREATE, UPDATE, DELETE, LIST):
            self._send(route, 401, speaker=None, **request)

    # Actions: time

    def let_time_pass(self) -> None:
        self.model.now += self.random.choice([999, 60_000, 6 * 3_600_000])

    def let_a_session_expire(self) -> None:
        session_id = self._any_id()
        if row := self.model.rows.get(session_id):
            self._move_clock_around(row.view["expiresAt"])
            self._get(session_id, Fault.NONE, if_none_match=False)
            self._list_all_pages(row.view["speakerId"], None, 1)
            self._update(UPDATE, session_id, {"status": "active"}, Fault.NONE, body={"status": "active"})

    def reuse_the_id_of_an_expired_session(self) -> None:
        session_id = self._any_id()
        if row := self.model.rows.get(session_id):
            self._move_clock_around(row.view["expiresAt"] + GRACE_S)
            draws = {next(ids.candidates(3, lambda *_, n=n: n)): n for n in range(IDS_PER_ATTEMPT)}
            self._create({"sourceLanguage": "de"}, None, [draws.get(session_id, 0)] * 5, Fault.NONE, 0)

    def delete_an_expired_item(self) -> None:
        session_id = self._any_id()
        if session_id in self.model.rows and not self.model.get(session_id):
            self.network.plan(Fault.NONE)
            self.client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": session_id}})
            del self.model.rows[session_id]

    def delete_an_expired_key(self) -> None:
        expired = [
            (speaker, key)
            for (speaker, key), row in self.model.keys.items()
            if row.expires_at <= self.model.now // 1000
        ]
        if expired:
            speaker, key = self.random.choice(expired)
            digest = IdempotencyKey.of(key, speaker=speaker, request=()).digest
            self.network.plan(Fault.NONE)
            self.client.delete_item(TableName=IDEMPOTENCY_KEYS_TABLE, Key={"keyDigest": {"S": digest}})
            del self.model.keys[speaker, key]

    # Invariants

    @invariant()
    def the_tables_equal_the_model(self) -> None:
        assert {row["sessionId"]["S"]: int(row["version"]["N"]) for row in self._items(SESSIONS_TABLE)} == {
            session_id: row.version for session_id, row in self.model.rows.items()
        }
        keys = [
            (row["sessionId"]["S"], int(row["expiresAt"]["N"])) for row in self._items(IDEMPOTENCY_KEYS_TABLE)
        ]
        assert sorted(keys) == sorted((key.session_id, key.expires_at) for key in self.model.keys.values())

    def _items(self, table: str) -> list[dict[str, Any]]:
        # Reads moto's own items: a scan through the SDK after each step takes half of the time.
        backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][self.client.meta.region_name]
        return [item.to_json()["Attributes"] for item in backend.get_table(table).all_items()]

    def _assert_body_and_etag(self, response: Any, row: Row, *, public: bool = False) -> None:
        body = json.loads(response["body"])
        hidden = {"speakerId"} if public else set()
        assert body == {name: value for name, value in row.view.items() if name not in hidden}
        etag = response["headers"]["ETag"]
        assert etag == f'"{row.version}"'
        # An id and an ETag identify one state, also after another session has reused the id.
        view = self.views_by_etag.setdefault((row.view["sessionId"], etag), dict(row.view))
        assert view == row.view

    # Random choices

    def _any_speaker(self) -> str:
        return self.random.choice([ALICE, BOB])

    def _any_fault(self) -> Fault:
        return self.random.choice(FAULTS)

    def _some_of(self, choices: dict[str, tuple[str, ...]]) -> dict[str, str]:
        return {
            name: self.random.choice(values) for name, values in choices.items() if self.random.random() < 0.5
        }

    def _any_id(self) -> str:
        return self.random.choice([*self.model.rows, *self.model.rows, UNKNOWN_ID, MALFORMED_ID])

    def _move_clock_around(self, second: int) -> None:
        """Move the clock forward to this second, to the one before or to the one after."""
        now = (second + self.random.choice([-1, 0, 1])) * 1000
        self.model.now = max(self.model.now, now)

    # Requests and their expected responses

    def _create(
        self, body: dict[str, str], key: str | None, draws: list[int], fault: Fault, call: int
    ) -> None:
        speaker = self._any_speaker()
        self.draws = draws
        candidates = list(ids.candidates(3, lambda attempt, _n: draws[attempt]))
        status, row = self.model.create(speaker, body, key, candidates, self.network.plan(fault, call))
        if fault is Fault.NONE:
            # Conflicts with other transactions, after which the same write is repeated.
            TRANSACTIONS.inject_conflicts(SESSIONS_TABLE, self.random.choice([0, 0, 1, 2]))
        headers = {"Idempotency-Key": key} if key else {}
        response = self._send(CREATE, status, speaker=speaker, body=body, headers=headers)
        TRANSACTIONS.inject_conflicts(SESSIONS_TABLE, 0)  # a replay writes no session
        if row:
            self._assert_body_and_etag(response, row)
            assert response["headers"]["Location"] == f"/sessions/{row.view['sessionId']}"

    def _get(self, session_id: str, fault: Fault, *, if_none_match: bool) -> None:
        row = self.model.get(session_id)
        failed = self.network.plan(fault) if session_id != MALFORMED_ID else None
        status = 503 if failed else 404 if row is None else 304 if if_none_match else 200
        headers = {"If-None-Match": f'"1", W/"{row.version}"'} if row and if_none_match else {}
        response = self._send(GET, status, session_id=session_id, speaker=None, headers=headers)
        if row and status == 200:
            self._assert_body_and_etag(response, row, public=True)
        if row and status == 304:
            assert response["headers"]["ETag"] == f'"{row.version}"'

    def _update(
        self, route: str, session_id: str, changes: dict[str, str], fault: Fault, **request: Any
    ) -> tuple[Any, Row | None]:
        current = self.model.rows.get(session_id)
        version = current.version if current else NOW
        preconditions: list[tuple[dict[str, str], set[int] | None]] = [
            ({"If-Match": f'"{version}"'}, {version}),
            ({"If-Match": f'"{version - 1}"'}, {version - 1}),
            ({"If-Match": f'"{version - 1}", "{version}"'}, {version - 1, version}),
            ({"If-Match": "*"}, None),
            ({"If-Match": f'W/"{version}"'}, set()),
            ({"If-Match": '"abc"'}, set()),
        ]
        headers, versions = self.random.choice([({}, None)] * 6 + preconditions)
        owner = current.view["speakerId"] if current else ALICE
        speaker = self.random.choice([owner, owner, ALICE, BOB])
        failed = self.network.plan(fault) if session_id != MALFORMED_ID else None
        status, row = self.model.update(session_id, speaker, changes, versions, failed)
        if status == 200 and route == DELETE:
            status = 204
        response = self._send(
            route, status, session_id=session_id, speaker=speaker, headers=headers, **request
        )
        return response, row

    def _list_all_pages(self, speaker: str, status: str | None, limit: int) -> None:
        sessions: list[Any] = []
        query: dict[str, str | None] = {"limit": str(limit), "status": status}
        while True:
            page = self._list_page(speaker, query)
            assert len(page["sessions"]) <= limit
            sessions += page["sessions"]
            if "nextCursor" not in page:
                break
            query["cursor"] = page["nextCursor"]
            self.cursors.append((speaker, status, sessions[-1]["createdAt"], page["nextCursor"]))
        assert sessions == self.model.views_of(speaker, status)

    def _list_page(self, speaker: str, query: dict[str, str | None]) -> Any:
        self.network.plan(Fault.NONE)
        present = {name: value for name, value in query.items() if value is not None}
        return json.loads(self._send(LIST, 200, speaker=speaker, query=present)["body"])

    def _send(self, route: str, status: int, **request: Any) -> Any:
        """Send a request; assert the status and the error code of its response."""
        response = self.handlers[route].handler(event(route, **request), LAMBDA_CONTEXT)
        # No two sessions have the same createdAt: a list does not define their order.
        self.model.now += 1
        assert response["statusCode"] == status, response
        if status in ERROR_CODES:
            error = json.loads(response["body"])
            assert error["code"] == ERROR_CODES[status]
            assert ("details" in error) == (status == 400)
        return response


TestHttpApi = HttpApi.TestCase
TestHttpApi.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
