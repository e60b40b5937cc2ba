"""The whole HTTP API, called by several speakers in any order while time passes and DynamoDB fails.

Hypothesis draws the calls. The doors are the real ones over moto, and the model beside says what each
has to answer, to the last field. `make fuzz` runs the same for longer.
"""

import json
from functools import cache
from random import Random
from types import SimpleNamespace
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
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.sessions import ids
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import ListSessions
from tests.support.handlers import FUNCTIONS, load_handler, replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.sessions import ALICE, BOB, NOW
from tests.support.tables import SESSIONS_TABLE, create_table
from tests.support.use_cases import SessionUseCases
from tests.unit.state_machine.http_api_model import GRACE_S, Model, Row, Silence

CODES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_REQUIRED",
    403: "NOT_AUTHORIZED",
    404: "SESSION_NOT_FOUND",
    409: "SESSION_ENDED",
    412: "VERSION_MISMATCH",
    422: "IDEMPOTENCY_KEY_REUSED",
    503: "SERVICE_UNAVAILABLE",
}
NOBODYS, MALFORMED = "pure-hope-999", "pure-hope-99"
# So few ids that they clash and come back all the time.
NUMBERS = 4

LANGUAGES, TIERS, STATUSES = ("en", "de"), ("standard", "premium"), ("active", "paused", "ended")
# What becomes of a call of DynamoDB's; the SDK cures by itself what happens once.
FAULTS = (None, None, None, None, "once before", "once after", "before", "after")

# How often each thing happens.
WEIGHTS = {
    "somebody_creates": 6,
    "somebody_reads": 3,
    "somebody_changes": 6,
    "somebody_ends": 2,
    "somebody_lists": 4,
    "somebody_goes_on_with_an_old_cursor": 2,
    "somebody_sends_nonsense": 1,
    "time_passes": 2,
    "a_session_comes_to_its_end": 1,
    "an_id_is_wanted_again": 1,
    "dynamodb_deletes_what_has_expired": 1,
}


class Network:
    """What lies between the doors and moto: it may lose a request, or the answer to one."""

    def __init__(self, client: Any) -> None:
        self._events = client.meta.events
        self._fault: str | None = None
        self._call = 0
        self._calls_left = -1
        self._tries = 0
        self._sending = False

    def plan(self, fault: str | None, call: int = 0) -> Silence | None:
        """Break the next invocation's call with this index; return it unless the SDK's own retry cures it."""
        self._fault, self._calls_left = fault, call
        return Silence(call, fault == "after") if fault in ("before", "after") else None

    def begin_call(self, **_: Any) -> None:
        self._now = self._fault if self._calls_left == 0 else None
        self._calls_left -= 1
        self._tries = 0

    def send(self, request: AWSRequest, event_name: str, **_: Any) -> None:
        if self._sending or not self._now:
            return
        self._tries += 1
        if self._now.startswith("once") and self._tries > 1:
            return
        if self._now.endswith("after"):
            self._sending = True
            try:
                self._events.emit(event_name, request=request)
            finally:
                self._sending = False
            raise ReadTimeoutError(endpoint_url="dynamodb")
        raise ConnectionClosedError(endpoint_url="dynamodb")

    def join(self) -> None:
        self._events.register("before-call.dynamodb", self.begin_call)
        self._events.register_first("before-send.dynamodb", self.send)

    def leave(self) -> None:
        self._events.unregister("before-call.dynamodb", self.begin_call)
        self._events.unregister("before-send.dynamodb", self.send)


@cache
def dynamodb_client() -> Any:
    """Return one client for all examples, for it takes long to make."""
    return dynamodb.create_client()


class HttpApi(RuleBasedStateMachine):
    """Two speakers, and everybody who has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(NOW)
        self.states: dict[tuple[str, str], Any] = {}
        self.cursors: list[tuple[str, str | None, int, str]] = []
        self.numbers = [0] * 5
        self.aws = mock_aws()
        self.aws.start()
        self.client = dynamodb_client()
        create_table(self.client, SESSIONS_TABLE)
        self.network = Network(self.client)
        self.network.join()
        self.patch = pytest.MonkeyPatch()
        self._wire()

    def _wire(self) -> None:
        def squeezed(draw: ids.Draw) -> ids.Draw:
            return lambda attempt, n: draw(attempt, n) % NUMBERS

        draw_by_key = ids.draw_by_key
        self.patch.setattr(ids, "draw_by_key", lambda speaker, key: squeezed(draw_by_key(speaker, key)))
        self.draw = squeezed(lambda attempt, _n: self.numbers[attempt])

        def clock() -> int:
            return self.model.now

        counts = SimpleNamespace(
            session_created=lambda _: None, session_ended=lambda _: None, session_id_clash=lambda: None
        )
        use_cases = SessionUseCases(SessionsTable(self.client, SESSIONS_TABLE), counts, clock, draw=self.draw)
        list_sessions = ListSessions(SpeakerIndex(self.client, SESSIONS_TABLE), SignedCursors("a-k3y"), clock)
        self.handlers = {
            route: load_handler(FUNCTIONS[route]) for route in (CREATE, GET, UPDATE, DELETE, LIST)
        }
        replace_use_cases(self.patch, self.handlers, use_cases)
        self.patch.setattr(
            self.handlers[CREATE], "sessions_per_speaker", SimpleNamespace(take=lambda _: None)
        )
        self.patch.setattr(self.handlers[LIST], "list_sessions", list_sessions)
        # The SDK waits between its tries, and nobody has time for that.
        self.patch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        # Nor does it try again once enough has failed: all examples together are one long outage to it.
        self.patch.setattr(RetryQuota, "acquire", lambda _self, _amount: True)

    def teardown(self) -> None:
        self.patch.undo()
        self.network.leave()
        self.aws.stop()

    # Chance is drawn from a seed, for Hypothesis' own choices repeat themselves and leave rare things out.
    @initialize(random=st.randoms(use_true_random=True))
    def begin(self, random: Random) -> None:
        self.random = random

    @rule()
    def something_happens(self) -> None:
        (name,) = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        note(f"{self.model.now - NOW} ms: {name}")
        getattr(self, name)()

    # What speakers and listeners do

    def somebody_creates(self) -> None:
        body = {"sourceLanguage": self.random.choice(LANGUAGES)} | self._some({"qualityTier": TIERS})
        numbers = [self.random.randrange(NUMBERS) for _ in range(5)]
        call = self.random.choice([0, 0, 1, 2])
        self._create(body, self.random.choice([None, None, "k1", "k2"]), numbers, self._fault(), call)

    def somebody_reads(self) -> None:
        self._read(self._session_id(), self._fault(), has_it=self.random.random() < 0.3)

    def somebody_changes(self) -> None:
        changes = self._some({"status": STATUSES, "sourceLanguage": LANGUAGES, "qualityTier": TIERS})
        changes = changes or {"status": "paused"}
        answer, row = self._change(UPDATE, self._session_id(), changes, self._fault(), body=changes)
        if row:
            self._assert_shows(answer, row)

    def somebody_ends(self) -> None:
        self._change(DELETE, self._session_id(), {"status": "ended"}, self._fault())

    def somebody_lists(self) -> None:
        limit, status = self.random.randint(1, 4), self.random.choice([None, None, *STATUSES])
        speaker = self._speaker()
        if self.network.plan(self._fault()):
            self._send(LIST, 503, speaker=speaker, query={"limit": str(limit)})
        else:
            self._list(speaker, status, limit)

    def somebody_goes_on_with_an_old_cursor(self) -> None:
        if not self.cursors:
            return
        speaker, status, before, cursor = self.random.choice(self.cursors)
        other_speaker = BOB if speaker == ALICE else ALICE
        other_status = "paused" if status == "ended" else "ended"
        page = self._page(speaker, {"limit": "100", "status": status, "cursor": cursor})
        assert page == {"sessions": self.model.listed(speaker, status, before)}
        given = {"status": status} if status else {}
        self._send(LIST, 400, speaker=other_speaker, query={"cursor": cursor} | given)
        self._send(LIST, 400, speaker=speaker, query={"cursor": cursor, "status": other_status})

    def somebody_sends_nonsense(self) -> None:
        self.network.plan("before")  # and it is refused without a call
        bodies = ["", "[]", "{", '{"status": null}', '{"speakerId": "me"}', "x" * 5000]
        sent = {"session_id": self._session_id(), "body": self.random.choice(bodies)}
        for route in (CREATE, UPDATE):
            self._send(route, 400, speaker=self._speaker(), **sent)
        for route in (CREATE, UPDATE, DELETE, LIST):
            self._send(route, 401, speaker=None, **sent)

    # What time does

    def time_passes(self) -> None:
        self.model.now += self.random.choice([999, 60_000, 6 * 3_600_000])

    def a_session_comes_to_its_end(self) -> None:
        session_id = self._session_id()
        if row := self.model.rows.get(session_id):
            self._wait_until(row.view["expiresAt"])
            self._read(session_id, None, has_it=False)
            self._list(row.view["speakerId"], None, 1)
            self._change(UPDATE, session_id, {"status": "active"}, None, body={"status": "active"})

    def an_id_is_wanted_again(self) -> None:
        session_id = self._session_id()
        if row := self.model.rows.get(session_id):
            self._wait_until(row.view["expiresAt"] + GRACE_S)
            first = {next(ids.candidates(3, lambda *_, n=n: n)): n for n in range(NUMBERS)}
            self._create({"sourceLanguage": "de"}, None, [first.get(session_id, 0)] * 5, None, 0)

    def dynamodb_deletes_what_has_expired(self) -> None:
        session_id = self._session_id()
        if session_id in self.model.rows and not self.model.find(session_id):
            self.network.plan(None)
            self.client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": session_id}})
            del self.model.rows[session_id]

    # What must hold

    @invariant()
    def the_table_holds_what_the_model_says(self) -> None:
        # moto's own list: asking it through the SDK after each step takes half of the time.
        items = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][self.client.meta.region_name].get_table(
            SESSIONS_TABLE
        )
        rows = [item.to_json()["Attributes"] for item in items.all_items()]
        assert {row["sessionId"]["S"]: int(row["version"]["N"]) for row in rows} == {
            session_id: row.version for session_id, row in self.model.rows.items()
        }

    def _assert_shows(self, answer: Any, row: Row, *, public: bool = False) -> None:
        body = json.loads(answer["body"])
        hidden = {"speakerId"} if public else set()
        assert body == {name: value for name, value in row.view.items() if name not in hidden}
        etag = answer["headers"]["ETag"]
        assert etag == f'"{row.version}"'
        # One ETag is one state, whichever session has the id.
        state = self.states.setdefault((row.view["sessionId"], etag), dict(row.view))
        assert state == row.view

    # Means

    def _speaker(self) -> str:
        return self.random.choice([ALICE, BOB])

    def _fault(self) -> str | None:
        return self.random.choice(FAULTS)

    def _some(self, choices: dict[str, tuple[str, ...]]) -> dict[str, str]:
        return {name: self.random.choice(of) for name, of in choices.items() if self.random.random() < 0.5}

    def _session_id(self) -> str:
        return self.random.choice([*self.model.rows, *self.model.rows, NOBODYS, MALFORMED])

    def _wait_until(self, second: int) -> None:
        at = (second + self.random.choice([-1, 0, 1])) * 1000
        self.model.now = max(self.model.now, at)

    def _create(
        self, body: dict[str, str], key: str | None, numbers: list[int], fault: str | None, call: int
    ) -> None:
        speaker = self._speaker()
        self.numbers = numbers
        tried = list(ids.candidates(3, ids.draw_by_key(speaker, key) if key else self.draw))
        status, row = self.model.create(speaker, body, key, tried, self.network.plan(fault, call))
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._send(CREATE, status, speaker=speaker, body=body, headers=headers)
        if row:
            self._assert_shows(answer, row)
            assert answer["headers"]["Location"] == f"/sessions/{row.view['sessionId']}"

    def _read(self, session_id: str, fault: str | None, *, has_it: bool) -> None:
        row = self.model.find(session_id)
        silence = self.network.plan(fault) if session_id != MALFORMED else None
        status = 503 if silence else 404 if row is None else 304 if has_it else 200
        headers = {"If-None-Match": f'"1", W/"{row.version}"'} if row and has_it else {}
        answer = self._send(GET, status, session_id=session_id, speaker=None, headers=headers)
        if row and status == 200:
            self._assert_shows(answer, row, public=True)
        if row and status == 304:
            assert answer["headers"]["ETag"] == f'"{row.version}"'

    def _change(
        self, route: str, session_id: str, changes: dict[str, str], fault: str | None, **sent: Any
    ) -> tuple[Any, Row | None]:
        found = self.model.rows.get(session_id)
        version = found.version if found else NOW
        preconditions: list[tuple[dict[str, str], set[int] | None]] = [
            ({"If-Match": f'"{version}"'}, {version}),
            ({"If-Match": f'"{version - 1}"'}, {version - 1}),
            ({"If-Match": f'"{version - 1}", "{version}"'}, {version - 1, version}),
            ({"If-Match": "*"}, None),
            ({"If-Match": f'W/"{version}"'}, set()),
            ({"If-Match": '"abc"'}, set()),
        ]
        headers, versions = self.random.choice([({}, None)] * 6 + preconditions)
        owner = found.view["speakerId"] if found else ALICE
        speaker = self.random.choice([owner, owner, ALICE, BOB])
        silence = self.network.plan(fault) if session_id != MALFORMED else None
        status, row = self.model.change(session_id, speaker, changes, versions, silence)
        if status == 200 and route == DELETE:
            status = 204
        answer = self._send(route, status, session_id=session_id, speaker=speaker, headers=headers, **sent)
        return answer, row

    def _list(self, speaker: str, status: str | None, limit: int) -> None:
        seen: list[Any] = []
        query: dict[str, str | None] = {"limit": str(limit), "status": status}
        while True:
            page = self._page(speaker, query)
            assert len(page["sessions"]) <= limit
            seen += page["sessions"]
            if "nextCursor" not in page:
                break
            query["cursor"] = page["nextCursor"]
            self.cursors.append((speaker, status, seen[-1]["createdAt"], page["nextCursor"]))
        assert seen == self.model.listed(speaker, status)

    def _page(self, speaker: str, query: dict[str, str | None]) -> Any:
        self.network.plan(None)
        given = {name: value for name, value in query.items() if value is not None}
        return json.loads(self._send(LIST, 200, speaker=speaker, query=given)["body"])

    def _send(self, route: str, status: int, **sent: Any) -> Any:
        answer = self.handlers[route].handler(event(route, **sent), LAMBDA_CONTEXT)
        self.model.now += (
            1  # no two sessions are opened in the same millisecond, which would order them by chance
        )
        assert answer["statusCode"] == status, answer
        if status in CODES:
            said = json.loads(answer["body"])
            assert said["code"] == CODES[status]
            assert ("details" in said) == (status == 400)
        return answer


TestHttpApi = HttpApi.TestCase
TestHttpApi.settings = settings(
    max_examples=30,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
