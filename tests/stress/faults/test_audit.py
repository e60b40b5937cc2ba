"""The audit finds each kind of contradiction: every test makes one."""

from dataclasses import replace
from typing import Any

from tests.stress.faults.audit import Row, applied, audit
from tests.stress.load.workload import Exchange

ID = "pure-hope-123"
EN = {"sourceLanguage": "en", "qualityTier": "standard"}
ACTIVE = {**EN, "status": "active"}
FRENCH = {**ACTIVE, "sourceLanguage": "fr"}
ROW = Row(first_version=100, version=101, content=FRENCH)


def exchange(operation: str, status: int, **different: Any) -> Exchange:
    usual: dict[str, Any] = {"at": 0.0, "took": 0.1, "speaker": "alice"}
    return Exchange(**usual | {"operation": operation, "status": status} | different)


CREATE = exchange("create", 201, key="k", sent=EN, version=100, seen=[(ID, 100, ACTIVE)])
UPDATE = exchange(
    "update",
    200,
    session=ID,
    sent={"sourceLanguage": "fr"},
    if_match=100,
    version=101,
    seen=[(ID, 101, FRENCH)],
)
GET = exchange("get", 200, session=ID, floor=101, version=101, seen=[(ID, 101, FRENCH)])
HISTORY = [CREATE, UPDATE, GET]
OPEN_UPDATE = replace(UPDATE, status=503, version=None, seen=[])


def test_a_consistent_history_has_no_findings():
    assert audit(HISTORY, {ID: ROW}, settled=True) == []


def test_a_lost_session_is_found():
    assert audit([CREATE], {}) == [f"{ID} was acknowledged and is lost"]


def test_a_lost_update_is_found():
    (finding, *_) = audit([CREATE, UPDATE], {ID: Row(100, 100, ACTIVE)})

    assert "is lost" in finding


def test_a_lost_delete_is_found():
    findings = audit([CREATE, exchange("delete", 204, session=ID)], {ID: Row(100, 100, ACTIVE)})

    assert findings == [f"The end of {ID} was acknowledged and is lost"]


def test_an_update_that_was_refused_and_applied_is_found():
    refused = replace(UPDATE, status=412, version=None, seen=[], refusal=412)

    (finding,) = audit([CREATE, refused], {ID: ROW})

    assert "which no request explains" in finding


def test_an_update_that_was_refused_without_reason_is_found():
    refused = replace(UPDATE, status=412, version=None, seen=[])

    (finding,) = audit([CREATE, refused], {ID: Row(100, 100, ACTIVE)})

    assert "had not changed" in finding


def test_an_update_left_open_may_be_applied_or_not():
    changed, unchanged = {ID: ROW}, {ID: Row(100, 100, ACTIVE)}

    assert audit([CREATE, OPEN_UPDATE], changed) == audit([CREATE, OPEN_UPDATE], unchanged) == []
    assert applied([CREATE, OPEN_UPDATE], changed) == [OPEN_UPDATE]
    assert applied([CREATE, OPEN_UPDATE], unchanged) == []


def test_a_create_left_open_is_applied_if_it_created_the_session_and_not_a_later_try():
    open_, later = replace(CREATE, status=503, version=None, seen=[]), replace(CREATE, at=50.0)

    assert applied([open_, later], {ID: Row(60, 60, ACTIVE)}) == [open_]
    assert applied([open_, later], {ID: Row(50_060, 50_060, ACTIVE)}) == []


def test_a_stale_update_without_response_does_not_explain_the_create():
    stale = replace(OPEN_UPDATE, if_match=99, refusal=412)

    assert audit([CREATE, stale], {ID: Row(100, 100, ACTIVE)}) == []
    assert applied([CREATE, stale], {ID: Row(100, 100, ACTIVE)}) == []


def test_an_update_left_open_that_is_applied_twice_is_found():
    (finding,) = audit([CREATE, OPEN_UPDATE], {ID: Row(100, 102, FRENCH)})

    assert "which no request explains" in finding


def test_an_update_that_is_applied_in_part_is_found():
    both = replace(OPEN_UPDATE, sent={"sourceLanguage": "fr", "qualityTier": "premium"})

    assert audit([CREATE, both], {ID: ROW})


def test_a_key_that_creates_two_sessions_is_found():
    other = replace(CREATE, seen=[("holy-psalm-100", 100, ACTIVE)])

    findings = audit([CREATE, other], {ID: Row(100, 100, ACTIVE), "holy-psalm-100": Row(100, 100, ACTIVE)})

    assert findings == ["Key k created several sessions: ['holy-psalm-100', 'pure-hope-123']"]


def test_a_session_that_two_keys_get_is_found():
    findings = audit([CREATE, replace(CREATE, speaker="bob")], {ID: Row(100, 100, ACTIVE)})

    assert findings == [f"{ID} was returned for 2 keys"]


def test_an_unacknowledged_session_is_found_when_all_is_settled():
    rows = {ID: ROW, "holy-psalm-100": ROW}

    assert audit(HISTORY, rows) == []
    assert audit(HISTORY, rows, settled=True) == ["holy-psalm-100 is in the table unacknowledged"]


def test_a_stale_read_is_found():
    (finding,) = audit([*HISTORY, replace(GET, version=100, seen=[(ID, 100, ACTIVE)])], {ID: ROW})

    assert "older than the acknowledged 101" in finding


def test_a_wrong_read_is_found():
    (finding,) = audit([*HISTORY, replace(GET, seen=[(ID, 101, ACTIVE)])], {ID: ROW})[:1]

    assert "which no request explains" in finding


def test_a_404_for_a_session_in_the_table_is_found():
    (finding,) = audit([*HISTORY, exchange("get", 404, session=ID)], {ID: ROW})

    assert "unexpected status" in finding


def test_a_500_is_found():
    (finding,) = audit([*HISTORY, exchange("get", 500, session=ID)], {ID: ROW})

    assert "unexpected status" in finding


def test_a_missing_refusal_is_found():
    accepted = replace(CREATE, refusal=422)

    assert audit([accepted], {ID: Row(100, 100, ACTIVE)})[0].endswith("expected 422")


def test_a_list_with_impossible_content_is_found():
    listed = exchange("list", 200, seen=[(ID, None, {**FRENCH, "qualityTier": "premium"})])

    (finding,) = audit([*HISTORY, listed], {ID: ROW})

    assert "which it never was" in finding


def test_a_list_with_another_speakers_session_is_found():
    listed = exchange("list", 200, speaker="bob", seen=[(ID, None, FRENCH)])

    (finding,) = audit([*HISTORY, listed], {ID: ROW})

    assert finding.endswith(f"contains {ID} of alice")
