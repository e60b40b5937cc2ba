"""The contract of SessionStore, for the store in memory and the sessions table."""

import itertools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SCHEMA, SessionsTable, to_item
from shared.errors import NotOwner, SessionEnded, SessionNotFound, UnreadableRow, VersionMismatch
from shared.sessions.ports import SessionStore
from shared.sessions.session import (
    ABANDON,
    END,
    ConditionFailed,
    EndReason,
    Language,
    Precondition,
    QualityTier,
    Session,
    SessionPatch,
    Status,
)
from tests.support.memory_stores import MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, lose_first_response, record_requests

REUSABLE_BEFORE = NOW_S - 3 * 60 * 60
PAUSE = SessionPatch(status=Status.PAUSED)
ENDED_FIELDS = {
    "ended_at": NOW + 7,
    "end_reason": EndReason.ENDED,
    "due_at": (NOW + 7) // 1000 + 120,
}


@pytest.fixture
def dynamodb(client: Any) -> SessionsTable:
    return SessionsTable(client, SESSIONS_TABLE)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> SessionStore:
    return MemorySessions() if request.param == "memory" else request.getfixturevalue("dynamodb")


def precondition(
    patch: SessionPatch = PAUSE,
    *,
    speaker: str = ALICE,
    now: int = NOW,
    versions: frozenset[int] | None = None,
) -> Precondition:
    return Precondition.of(patch, action="update", speaker=speaker, now=now, versions=versions)


def add(store: SessionStore, **overrides: Any) -> Session:
    session = a_session(**overrides)
    assert store.add(session, reusable_before=REUSABLE_BEFORE) == session
    return session


# add and get


def test_an_added_session_is_read_back_unchanged(store: SessionStore):
    session = a_session(status=Status.ENDED, ended_at=NOW + 5)

    result = store.add(session, reusable_before=REUSABLE_BEFORE)

    assert result == session
    assert store.get(session.id) == session


def test_fields_are_read_back_with_their_types(store: SessionStore):
    add(store)

    session = store.get("blessed-shepherd-427")

    assert session is not None
    assert {
        type(getattr(session, name))
        for name in ("listener_count", "created_at", "updated_at", "expires_at", "version")
    } == {int}
    assert (type(session.status), type(session.source_language), type(session.quality_tier)) == (
        Status,
        Language,
        QualityTier,
    )


def test_an_unknown_id_has_no_session(store: SessionStore):
    assert store.get("holy-psalm-100") is None


def test_an_expired_session_is_returned(store: SessionStore):
    expired = add(store, expires_at=NOW_S - 1)

    assert store.get(expired.id) == expired


def test_adding_never_overwrites_a_live_session_and_returns_it(store: SessionStore):
    current = add(store)

    result = store.add(a_session(speaker=BOB, version=NOW + 1), reusable_before=REUSABLE_BEFORE)

    assert result == ConditionFailed(current)
    assert store.get(current.id) == current


@pytest.mark.parametrize(
    ("expires_at", "reusable"),
    [
        (REUSABLE_BEFORE + 1, False),
        (REUSABLE_BEFORE, False),
        (REUSABLE_BEFORE - 1, True),
    ],
)
def test_an_id_can_be_reused_from_the_second_after_the_grace_period(
    store: SessionStore, expires_at: int, reusable: bool
):
    old = add(store, expires_at=expires_at)
    new = a_session(speaker=BOB)

    result = store.add(new, reusable_before=REUSABLE_BEFORE)

    assert result == (new if reusable else ConditionFailed(old))
    assert store.get(old.id) == (new if reusable else old)


def test_a_reused_id_keeps_no_field_of_its_old_session(store: SessionStore):
    add(store, expires_at=REUSABLE_BEFORE - 1, ended_at=NOW - 9)
    new = a_session(speaker=BOB)

    store.add(new, reusable_before=REUSABLE_BEFORE)

    assert store.get(new.id) == new


# update


@pytest.mark.parametrize(
    ("patch", "changed_fields"),
    [
        (PAUSE, {"status": Status.PAUSED}),
        (SessionPatch(source_language=Language.CHINESE), {"source_language": Language.CHINESE}),
        (SessionPatch(quality_tier=QualityTier.PREMIUM), {"quality_tier": QualityTier.PREMIUM}),
        (END, {"status": Status.ENDED, **ENDED_FIELDS}),
        (
            SessionPatch(
                status=Status.ENDED, source_language=Language.GERMAN, quality_tier=QualityTier.PREMIUM
            ),
            {
                "status": Status.ENDED,
                **ENDED_FIELDS,
                "source_language": Language.GERMAN,
                "quality_tier": QualityTier.PREMIUM,
            },
        ),
    ],
)
def test_an_update_sets_the_patched_fields_and_the_time_and_raises_the_version(
    store: SessionStore, patch: SessionPatch, changed_fields: dict[str, Any]
):
    before = add(store, listener_count=3)

    result = store.update(before.id, patch, precondition(patch, now=NOW + 7))

    assert result == replace(before, **changed_fields, updated_at=NOW + 7, version=before.version + 1)
    assert store.get(before.id) == result


def test_an_update_keeps_the_listener_count(store: SessionStore):
    before = add(store, listener_count=41)

    after = store.update(before.id, PAUSE, precondition())

    assert isinstance(after, Session)
    assert after.listener_count == 41


def test_each_update_raises_the_version_by_one(store: SessionStore):
    before = add(store)

    for _ in range(3):
        store.update(before.id, PAUSE, precondition())

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
def test_an_update_requires_a_version_that_the_caller_accepts(
    store: SessionStore, versions: frozenset[int] | None, written: bool
):
    before = add(store)

    result = store.update(before.id, PAUSE, precondition(versions=versions))

    assert isinstance(result, Session) is written
    assert written or result == ConditionFailed(before)


def test_an_empty_set_of_versions_accepts_no_version(store: SessionStore):
    session = add(store, version=1)

    assert store.update(session.id, PAUSE, precondition(versions=frozenset())) == ConditionFailed(session)


@pytest.mark.parametrize(("seconds_left", "written"), [(1, True), (0, False), (-1, False)])
def test_an_expired_session_is_not_updated(store: SessionStore, seconds_left: int, written: bool):
    before = add(store, expires_at=NOW_S + seconds_left)

    result = store.update(before.id, PAUSE, precondition())

    assert isinstance(result, Session) is written


# By what is wrong with an update, in the order in which refusals are reported.
REFUSALS = {
    "absent": SessionNotFound,
    "expired": SessionNotFound,
    "not owner": NotOwner,
    "stale version": VersionMismatch,
    "ended": SessionEnded,
}


@pytest.mark.parametrize(
    "faults",
    [
        set(combination)
        for n in range(6)
        for combination in itertools.combinations(REFUSALS, n)
        if not {"absent"} < set(combination)
    ]
    + [{"absent", "not owner", "stale version"}],
    ids=lambda faults: "+".join(sorted(faults)) or "none",
)
def test_a_refused_update_changes_nothing_and_returns_the_session_that_explains_it(
    store: SessionStore, faults: set[str]
):
    before = a_session(
        expires_at=NOW_S if "expired" in faults else NOW_S + 1,
        status=Status.ENDED if "ended" in faults else Status.PAUSED,
    )
    if "absent" not in faults:
        store.add(before, reusable_before=REUSABLE_BEFORE)
    condition = precondition(
        speaker=BOB if "not owner" in faults else ALICE,
        versions=frozenset({NOW - 1}) if "stale version" in faults else None,
    )

    result = store.update(before.id, PAUSE, condition)

    expected = next((refusal for fault, refusal in REFUSALS.items() if fault in faults), None)
    if expected is None:
        assert isinstance(result, Session)
    else:
        assert isinstance(result, ConditionFailed)
        assert type(condition.refusal(result.current)) is expected
        assert store.get(before.id) == result.current == (None if "absent" in faults else before)


@pytest.mark.parametrize("current", Status)
@pytest.mark.parametrize(
    "patch",
    [*(SessionPatch(status=status) for status in Status), SessionPatch(source_language=Language.DUTCH)],
)
def test_the_store_and_the_precondition_agree_on_every_transition(
    store: SessionStore, current: Status, patch: SessionPatch
):
    before = add(store, status=current)
    condition = precondition(patch)

    result = store.update(before.id, patch, condition)

    assert isinstance(result, Session) is (condition.refusal(before) is None)


def test_an_ended_session_cannot_be_reactivated(store: SessionStore):
    before = add(store, status=Status.ENDED, ended_at=NOW)
    reactivate = SessionPatch(status=Status.ACTIVE)

    result = store.update(before.id, reactivate, precondition(reactivate))

    assert result == ConditionFailed(before)
    assert store.get(before.id) == before


def test_an_update_does_not_create_a_session(store: SessionStore):
    result = store.update("holy-psalm-100", PAUSE, precondition())

    assert result == ConditionFailed(None)
    assert store.get("holy-psalm-100") is None


def test_an_abandonment_requires_the_same_absence(store: SessionStore):
    before = add(store, speaker_absent_since=NOW)
    condition = Precondition.of(ABANDON, action="end", speaker=ALICE, now=NOW, absent_since=NOW - 1)

    refused = store.update(before.id, ABANDON, condition)
    written = store.update(before.id, ABANDON, replace(condition, absent_since=NOW))

    assert refused == ConditionFailed(before)
    assert isinstance(written, Session)
    assert (written.status, written.end_reason) == (Status.ENDED, EndReason.ABANDONED)


# DynamoDB only: rows of the release before and of the one after this


def put_item(client: Any, *, without: tuple[str, ...] = (), **attributes: Any) -> None:
    """Write the item of a_session() as another release has it."""
    item = {name: value for name, value in to_item(a_session()).items() if name not in without}
    client.put_item(TableName=SESSIONS_TABLE, Item=item | attributes)


def test_a_row_of_an_earlier_release_has_defaults(client: Any, dynamodb: SessionsTable):
    put_item(client, without=("qualityTier", "listenerCount", "dueAt", "duePartition", "deleteAt"))

    assert dynamodb.get("blessed-shepherd-427") == a_session(due_at=None)
    assert isinstance(dynamodb.update("blessed-shepherd-427", PAUSE, precondition()), Session)


FUTURE = {
    "sourceLanguage": {"S": "uk"},
    "qualityTier": {"S": "ultra"},
    "mood": {"S": "calm"},
    "endReason": {"S": "moved"},
}


def test_words_of_a_later_release_are_kept_as_text(client: Any, dynamodb: SessionsTable):
    put_item(client, **FUTURE)

    session = dynamodb.get("blessed-shepherd-427")

    assert session is not None
    assert (session.source_language, session.quality_tier, session.end_reason) == ("uk", "ultra", "moved")


def test_an_update_keeps_what_a_later_release_has_written(client: Any, dynamodb: SessionsTable):
    put_item(client, **FUTURE)

    result = dynamodb.update("blessed-shepherd-427", PAUSE, precondition())

    assert isinstance(result, Session)
    assert get_item(client).items() >= FUTURE.items()


def test_a_session_with_an_unknown_status_is_read_and_not_updated(client: Any, dynamodb: SessionsTable):
    put_item(client, status={"S": "scheduled"})

    result = dynamodb.update("blessed-shepherd-427", PAUSE, precondition())

    assert isinstance(result, ConditionFailed)
    assert result.current is not None
    assert result.current.status == "scheduled"


@pytest.mark.parametrize(
    ("without", "attributes"),
    [(("speakerId",), {}), ((), {"updatedAt": {"S": "yesterday"}}), ((), {"version": {"N": "1.5"}})],
    ids=["missing attribute", "another type", "not a whole number"],
)
def test_a_row_that_cannot_be_read_is_logged_without_its_values(
    client: Any,
    dynamodb: SessionsTable,
    caplog: pytest.LogCaptureFixture,
    without: tuple[str, ...],
    attributes: dict[str, Any],
):
    put_item(client, without=without, **attributes)

    with pytest.raises(UnreadableRow):
        dynamodb.get("blessed-shepherd-427")

    (record,) = map(vars, caplog.records)
    assert (record["message"], record["sessionId"]) == ("A row cannot be read", "blessed-shepherd-427")
    assert ALICE not in str(record)


# DynamoDB only


def get_item(client: Any) -> dict[str, Any]:
    return client.get_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": "blessed-shepherd-427"}})["Item"]


def test_the_schema_has_every_field_of_a_session():
    assert set(SCHEMA) == {field.name for field in fields(Session)}


def test_an_item_has_numbers_for_numbers_and_no_attributes_for_absent_fields(
    client: Any, dynamodb: SessionsTable
):
    add(dynamodb)

    item = get_item(client)

    assert item["expiresAt"] == {"N": str(NOW_S + 24 * 60 * 60)}
    assert {name for name, value in item.items() if "N" in value} == {
        "listenerCount",
        "maxListeners",
        "createdAt",
        "updatedAt",
        "expiresAt",
        "dueAt",
        "deleteAt",
        "version",
    }
    assert not {"speakerAbsentSince", "endedAt"} & item.keys()


def test_an_item_has_the_attributes_of_the_schema_and_the_write_id(client: Any, dynamodb: SessionsTable):
    add(dynamodb, **{name: 1 for name in SCHEMA if name.startswith(("speaker_", "absence_"))})
    dynamodb.update("blessed-shepherd-427", END, precondition(END))

    item = get_item(client)

    attributes = {attribute for attribute, _, _ in SCHEMA.values()}
    assert item.keys() == attributes | {"writeId", "duePartition", "deleteAt"}
    assert item["deleteAt"] == {"N": str(a_session().expires_at + 3 * 60 * 60)}


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda store: store.add(a_session(id="holy-psalm-100"), reusable_before=REUSABLE_BEFORE), "PutItem"),
        (lambda store: store.add(a_session(speaker=BOB), reusable_before=REUSABLE_BEFORE), "PutItem"),
        (lambda store: store.get("blessed-shepherd-427"), "GetItem"),
        (lambda store: store.update("blessed-shepherd-427", PAUSE, precondition()), "UpdateItem"),
        (lambda store: store.update("blessed-shepherd-427", PAUSE, precondition(speaker=BOB)), "UpdateItem"),
        (lambda store: store.ping(), "GetItem"),
    ],
    ids=["add", "add a taken id", "get", "update", "refused update", "ping"],
)
def test_each_method_sends_one_request(
    client: Any, dynamodb: SessionsTable, call: Callable[[SessionsTable], object], operation: str
):
    add(dynamodb)

    with record_requests(client) as operations:
        call(dynamodb)

    assert operations == [operation]


def test_a_ping_of_an_existing_table_succeeds(dynamodb: SessionsTable):
    assert dynamodb.ping() is True


def test_a_ping_of_an_absent_table_fails_and_is_logged_without_the_tables_name(
    client: Any, caplog: pytest.LogCaptureFixture
):
    assert SessionsTable(client, "nowhere").ping() is False

    (record,) = map(vars, caplog.records)
    assert (record["msg"], record["reason"]) == (
        "The sessions table does not answer",
        "ResourceNotFoundException",
    )
    assert "nowhere" not in str(record)


def record_reads(client: Any) -> list[dict[str, Any]]:
    """Return the list to which the parameters of each GetItem are added."""
    reads: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: reads.append(params)
    )
    return reads


def test_a_session_is_read_consistently(client: Any, dynamodb: SessionsTable):
    reads = record_reads(client)

    dynamodb.get("blessed-shepherd-427")

    assert [read["ConsistentRead"] for read in reads] == [True]


def test_a_ping_is_an_eventually_consistent_read_of_an_id_that_no_session_has(
    client: Any, dynamodb: SessionsTable
):
    reads = record_reads(client)

    dynamodb.ping()

    assert reads == [{"TableName": SESSIONS_TABLE, "Key": {"sessionId": {"S": "health"}}}]


# DynamoDB only: the SDK repeats a write whose response was lost


def test_an_add_whose_response_was_lost_succeeds(client: Any, dynamodb: SessionsTable):
    session = a_session()
    lose_first_response(client, "PutItem")

    with record_requests(client) as operations:
        result = dynamodb.add(session, reusable_before=REUSABLE_BEFORE)

    assert operations == ["PutItem", "PutItem"]
    assert result == session
    assert dynamodb.get(session.id) == session


@pytest.mark.parametrize("versions", [None, frozenset({NOW})], ids=["any version", "If-Match"])
def test_an_end_whose_response_was_lost_succeeds(
    client: Any, dynamodb: SessionsTable, versions: frozenset[int] | None
):
    before = add(dynamodb)
    lose_first_response(client, "UpdateItem")

    with record_requests(client) as operations:
        result = dynamodb.update(before.id, END, precondition(END, versions=versions))

    assert operations == ["UpdateItem", "UpdateItem"]
    assert isinstance(result, Session)
    assert (result.status, result.ended_at, result.version) == (Status.ENDED, NOW, NOW + 1)


def test_an_update_whose_response_was_lost_is_applied_once(client: Any, dynamodb: SessionsTable):
    before = add(dynamodb)
    lose_first_response(client, "UpdateItem")

    result = dynamodb.update(before.id, PAUSE, precondition(versions=frozenset({NOW})))

    assert result == replace(before, status=Status.PAUSED, version=NOW + 1)


def test_another_writers_write_id_does_not_count_as_success(client: Any, dynamodb: SessionsTable):
    before = add(dynamodb)
    other = SessionsTable(create_client(), SESSIONS_TABLE)
    lose_first_response(
        client,
        "UpdateItem",
        after_write=lambda: other.update(before.id, PAUSE, precondition(now=NOW + 1)),
    )

    result = dynamodb.update(before.id, PAUSE, precondition(versions=frozenset({NOW})))

    assert isinstance(result, ConditionFailed)


def test_every_write_has_its_own_write_id(client: Any, dynamodb: SessionsTable):
    session = add(dynamodb)
    write_ids = [get_item(client)["writeId"]["S"]]
    for _ in range(2):
        dynamodb.update(session.id, PAUSE, precondition())
        write_ids.append(get_item(client)["writeId"]["S"])

    assert len(set(write_ids)) == 3
    assert [len(write_id) for write_id in write_ids] == [16] * 3
