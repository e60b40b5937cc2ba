"""What every store of sessions promises: one suite, run against the memory store and DynamoDB alike."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SCHEMA, SessionsTable
from shared.errors import NotOwner, SessionEnded, SessionNotFound, VersionMismatch
from shared.sessions.ports import SessionStore as Store
from shared.sessions.session import (
    END,
    ConditionFailed,
    Language,
    Precondition,
    QualityTier,
    Session,
    SessionPatch,
    Status,
)
from tests.support.memory_stores import MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_table, record_requests

REUSABLE_BEFORE = NOW_S - 3 * 60 * 60
PAUSE = SessionPatch(status=Status.PAUSED)


def new_client() -> Any:
    return create_client()


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = new_client()
        create_table(client, SESSIONS_TABLE)
        yield client


@pytest.fixture
def dynamodb(client: Any) -> SessionsTable:
    return SessionsTable(client, SESSIONS_TABLE)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemorySessions() if request.param == "memory" else request.getfixturevalue("dynamodb")


def guard(
    change: SessionPatch = PAUSE,
    *,
    speaker: str = ALICE,
    now: int = NOW,
    versions: frozenset[int] | None = None,
) -> Precondition:
    return Precondition.of(change, action="update", speaker=speaker, now=now, versions=versions)


def put(store: Store, **different: Any) -> Session:
    session = a_session(**different)
    assert store.add(session, reusable_before=REUSABLE_BEFORE) == session
    return session


# add and get


def test_what_was_added_is_read_back_the_same(store: Store):
    session = a_session(
        status=Status.ENDED, ended_at=NOW + 5, idempotency_key_digest="k" * 64, request_digest="r" * 64
    )

    added = store.add(session, reusable_before=REUSABLE_BEFORE)

    assert added == session
    assert store.get(session.id) == session


def test_numbers_come_back_as_integers_and_words_as_members(store: Store):
    put(store)

    found = store.get("blessed-shepherd-427")

    assert found is not None
    assert {
        type(getattr(found, name))
        for name in ("listener_count", "created_at", "updated_at", "expires_at", "version")
    } == {int}
    assert (type(found.status), type(found.source_language), type(found.quality_tier)) == (
        Status,
        Language,
        QualityTier,
    )


def test_nothing_is_under_an_id_that_nobody_took(store: Store):
    assert store.get("holy-psalm-100") is None


def test_an_expired_session_is_still_read_so_that_the_domain_decides(store: Store):
    expired = put(store, expires_at=NOW_S - 1)

    assert store.get(expired.id) == expired


def test_a_clash_never_overwrites_a_live_session_and_shows_who_holds_the_id(store: Store):
    held = put(store)

    result = store.add(a_session(speaker=BOB, version=NOW + 1), reusable_before=REUSABLE_BEFORE)

    assert result == ConditionFailed(held)
    assert store.get(held.id) == held


@pytest.mark.parametrize(
    ("expires_at", "free"),
    [
        (REUSABLE_BEFORE + 1, False),
        (REUSABLE_BEFORE, False),
        (REUSABLE_BEFORE - 1, True),
    ],
)
def test_an_expired_id_can_be_taken_after_the_grace_and_not_a_second_before(
    store: Store, expires_at: int, free: bool
):
    old = put(store, expires_at=expires_at)
    new = a_session(speaker=BOB)

    result = store.add(new, reusable_before=REUSABLE_BEFORE)

    assert result == (new if free else ConditionFailed(old))
    assert store.get(old.id) == (new if free else old)


def test_a_recycled_id_keeps_nothing_of_its_old_session(store: Store):
    put(
        store,
        expires_at=REUSABLE_BEFORE - 1,
        ended_at=NOW - 9,
        idempotency_key_digest="k",
        request_digest="r",
    )
    new = a_session(speaker=BOB)

    store.add(new, reusable_before=REUSABLE_BEFORE)

    assert store.get(new.id) == new


# update


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (PAUSE, {"status": Status.PAUSED}),
        (SessionPatch(source_language=Language.CHINESE), {"source_language": Language.CHINESE}),
        (SessionPatch(quality_tier=QualityTier.PREMIUM), {"quality_tier": QualityTier.PREMIUM}),
        (END, {"status": Status.ENDED, "ended_at": NOW + 7}),
        (
            SessionPatch(
                status=Status.ENDED, source_language=Language.GERMAN, quality_tier=QualityTier.PREMIUM
            ),
            {
                "status": Status.ENDED,
                "ended_at": NOW + 7,
                "source_language": Language.GERMAN,
                "quality_tier": QualityTier.PREMIUM,
            },
        ),
    ],
)
def test_a_change_sets_its_fields_and_the_time_and_raises_the_version(
    store: Store, change: SessionPatch, expected: dict[str, Any]
):
    before = put(store, listener_count=3)

    result = store.update(before.id, change, guard(change, now=NOW + 7))

    assert result == replace(before, **expected, updated_at=NOW + 7, version=before.version + 1)
    assert store.get(before.id) == result


def test_the_listener_count_is_never_touched_by_a_change(store: Store):
    before = put(store, listener_count=41)

    after = store.update(before.id, PAUSE, guard())

    assert isinstance(after, Session)
    assert after.listener_count == 41


def test_each_write_raises_the_version_by_one(store: Store):
    before = put(store)

    for _ in range(3):
        store.update(before.id, PAUSE, guard())

    after = store.get(before.id)
    assert after is not None
    assert after.version == before.version + 3


@pytest.mark.parametrize(
    ("versions", "written"),
    [
        (None, True),
        (frozenset({NOW}), True),
        (frozenset({NOW - 1, NOW, NOW + 1}), True),
        (frozenset(range(NOW, NOW + 100)), True),
        (frozenset({NOW + 1}), False),
        (frozenset(), False),
    ],
)
def test_a_change_is_written_only_at_a_version_that_the_caller_accepts(
    store: Store, versions: frozenset[int] | None, written: bool
):
    before = put(store)

    result = store.update(before.id, PAUSE, guard(versions=versions))

    assert isinstance(result, Session) is written
    assert written or result == ConditionFailed(before)


def test_no_version_at_all_is_not_even_the_first(store: Store):
    session = put(store, version=1)

    assert store.update(session.id, PAUSE, guard(versions=frozenset())) == ConditionFailed(session)


@pytest.mark.parametrize(("seconds_left", "written"), [(1, True), (0, False), (-1, False)])
def test_a_session_past_its_end_is_not_written_from_that_second(
    store: Store, seconds_left: int, written: bool
):
    before = put(store, expires_at=NOW_S + seconds_left)

    result = store.update(before.id, PAUSE, guard())

    assert isinstance(result, Session) is written


REFUSALS = {"absent": SessionNotFound, "expired": SessionNotFound, "stranger": NotOwner}
REFUSALS |= {"stale": VersionMismatch, "ended": SessionEnded}


@pytest.mark.parametrize(
    "faults",
    [
        set(some)
        for n in range(6)
        for some in itertools.combinations(REFUSALS, n)
        if not {"absent"} < set(some)
    ]
    + [{"absent", "stranger", "stale"}],
    ids=lambda faults: "+".join(sorted(faults)) or "none",
)
def test_a_refused_write_changes_nothing_and_returns_the_row_that_tells_why(store: Store, faults: set[str]):
    before = a_session(
        expires_at=NOW_S if "expired" in faults else NOW_S + 1,
        status=Status.ENDED if "ended" in faults else Status.PAUSED,
    )
    if "absent" not in faults:
        store.add(before, reusable_before=REUSABLE_BEFORE)
    condition = guard(
        speaker=BOB if "stranger" in faults else ALICE,
        versions=frozenset({NOW - 1}) if "stale" in faults else None,
    )

    result = store.update(before.id, PAUSE, condition)

    first = next((refusal for fault, refusal in REFUSALS.items() if fault in faults), None)
    if first is None:
        assert isinstance(result, Session)
    else:
        assert isinstance(result, ConditionFailed)
        assert type(condition.refusal(result.current)) is first
        assert store.get(before.id) == result.current == (None if "absent" in faults else before)


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize(
    "change",
    [*(SessionPatch(status=status) for status in Status), SessionPatch(source_language=Language.DUTCH)],
)
def test_the_write_and_the_domain_agree_on_every_transition(
    store: Store, current: Status, change: SessionPatch
):
    before = put(store, status=current)
    condition = guard(change)

    result = store.update(before.id, change, condition)

    assert isinstance(result, Session) is (condition.refusal(before) is None)


def test_an_ended_session_is_never_revived(store: Store):
    before = put(store, status=Status.ENDED, ended_at=NOW)
    revive = SessionPatch(status=Status.ACTIVE)

    result = store.update(before.id, revive, guard(revive))

    assert result == ConditionFailed(before)
    assert store.get(before.id) == before


def test_an_update_never_makes_a_session(store: Store):
    result = store.update("holy-psalm-100", PAUSE, guard())

    assert result == ConditionFailed(None)
    assert store.get("holy-psalm-100") is None


# DynamoDB alone


def raw(client: Any, session_id: str = "blessed-shepherd-427") -> dict[str, Any]:
    return client.get_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": session_id}})["Item"]


def test_every_field_of_a_session_has_its_attribute():
    assert set(SCHEMA) == {field.name for field in fields(Session)}


def test_numbers_are_numbers_in_the_table_and_absent_fields_are_absent(client: Any, dynamodb: SessionsTable):
    put(dynamodb)

    row = raw(client)

    assert row["expiresAt"] == {"N": str(NOW_S + 24 * 60 * 60)}
    assert {name for name, value in row.items() if "N" in value} == {
        "listenerCount",
        "createdAt",
        "updatedAt",
        "expiresAt",
        "version",
    }
    assert not {"endedAt", "idempotencyKeyDigest", "requestDigest"} & row.keys()


def test_the_table_has_one_schema(client: Any, dynamodb: SessionsTable):
    put(dynamodb, idempotency_key_digest="k", request_digest="r")
    dynamodb.update("blessed-shepherd-427", END, guard(END))

    assert raw(client).keys() == {attribute for attribute, _, _ in SCHEMA.values()} | {"writeId"}


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda store: store.add(a_session(id="holy-psalm-100"), reusable_before=REUSABLE_BEFORE), "PutItem"),
        (lambda store: store.add(a_session(speaker=BOB), reusable_before=REUSABLE_BEFORE), "PutItem"),
        (lambda store: store.get("blessed-shepherd-427"), "GetItem"),
        (lambda store: store.update("blessed-shepherd-427", PAUSE, guard()), "UpdateItem"),
        (lambda store: store.update("blessed-shepherd-427", PAUSE, guard(speaker=BOB)), "UpdateItem"),
        (lambda store: store.ping(), "GetItem"),
    ],
    ids=["added", "clash", "read", "changed", "refused", "health"],
)
def test_each_use_of_the_table_is_exactly_one_call(
    client: Any, dynamodb: SessionsTable, call: Callable[[SessionsTable], object], operation: str
):
    put(dynamodb)

    with record_requests(client) as sent:
        call(dynamodb)

    assert sent == [operation]


def test_a_table_that_is_there_answers(dynamodb: SessionsTable):
    assert dynamodb.ping() is True


def test_a_table_that_is_not_there_is_said_in_the_log_without_its_name(
    client: Any, caplog: pytest.LogCaptureFixture
):
    assert SessionsTable(client, "nowhere").ping() is False

    (said,) = map(vars, caplog.records)
    assert (said["msg"], said["reason"]) == (
        "The sessions table does not answer",
        "ResourceNotFoundException",
    )
    assert "nowhere" not in str(said)


def test_a_read_is_consistent(client: Any, dynamodb: SessionsTable):
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: asked.append(params)
    )

    dynamodb.get("blessed-shepherd-427")

    assert [params["ConsistentRead"] for params in asked] == [True]


def lose_the_first_answer(
    client: Any, operation: str, *, between: Callable[[], object] = lambda: None
) -> None:
    """Let the first request of the operation reach the table, then break its connection."""
    lost = []

    def send_and_lose(request: AWSRequest, **_: Any) -> None:
        if lost:
            return
        lost.append(request)
        for answer in [
            response for _, response in client.meta.events.emit(event, request=request) if response
        ]:
            assert answer.status_code == 200, answer.content
            between()
            raise ReadTimeoutError(endpoint_url=request.url)

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register_first(event, send_and_lose)


def test_an_add_whose_answer_got_lost_is_known_by_its_signature(client: Any, dynamodb: SessionsTable):
    session = a_session()
    lose_the_first_answer(client, "PutItem")

    with record_requests(client) as sent:
        result = dynamodb.add(session, reusable_before=REUSABLE_BEFORE)

    assert sent == ["PutItem", "PutItem"]
    assert result == session
    assert dynamodb.get(session.id) == session


@pytest.mark.parametrize("versions", [None, frozenset({NOW})], ids=["any version", "If-Match"])
def test_an_end_whose_answer_got_lost_is_known_by_its_signature(
    client: Any, dynamodb: SessionsTable, versions: frozenset[int] | None
):
    before = put(dynamodb)
    lose_the_first_answer(client, "UpdateItem")

    with record_requests(client) as sent:
        result = dynamodb.update(before.id, END, guard(END, versions=versions))

    assert sent == ["UpdateItem", "UpdateItem"]
    assert result == replace(before, status=Status.ENDED, ended_at=NOW, version=NOW + 1)


def test_a_change_with_if_match_whose_answer_got_lost_is_written_once(client: Any, dynamodb: SessionsTable):
    before = put(dynamodb)
    lose_the_first_answer(client, "UpdateItem")

    result = dynamodb.update(before.id, PAUSE, guard(versions=frozenset({NOW})))

    assert result == replace(before, status=Status.PAUSED, version=NOW + 1)


def test_a_signature_of_another_write_is_not_taken_for_our_own(client: Any, dynamodb: SessionsTable):
    before = put(dynamodb)
    other = SessionsTable(new_client(), SESSIONS_TABLE)
    lose_the_first_answer(
        client, "UpdateItem", between=lambda: other.update(before.id, PAUSE, guard(now=NOW + 1))
    )

    result = dynamodb.update(before.id, PAUSE, guard(versions=frozenset({NOW})))

    assert isinstance(result, ConditionFailed)


def test_every_write_is_signed_anew(client: Any, dynamodb: SessionsTable):
    session = put(dynamodb)
    first = raw(client)["writeId"]
    dynamodb.update(session.id, PAUSE, guard())
    second = raw(client)["writeId"]
    dynamodb.update(session.id, PAUSE, guard())

    assert len({str(signature) for signature in (first, second, raw(client)["writeId"])}) == 3
