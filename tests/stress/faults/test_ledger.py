"""The ledger finds what must never be: each test tells it one lie."""

from dataclasses import replace
from typing import Any

from tests.stress.faults.ledger import Row, applied, check
from tests.stress.load.mix import Event

ID = "pure-hope-123"
EN = {"sourceLanguage": "en", "qualityTier": "standard"}
AT_FIRST = {**EN, "status": "active"}
FRENCH = {**AT_FIRST, "sourceLanguage": "fr"}
ROW = Row(first_version=100, version=101, content=FRENCH)


def event(operation: str, status: int, **different: Any) -> Event:
    usual: dict[str, Any] = {"at": 0.0, "took": 0.1, "speaker": "alice"}
    return Event(**usual | {"operation": operation, "status": status} | different)


CREATE = event("create", 201, key="k", sent=EN, version=100, seen=[(ID, 100, AT_FIRST)])
CHANGE = event(
    "change",
    200,
    session=ID,
    sent={"sourceLanguage": "fr"},
    if_match=100,
    version=101,
    seen=[(ID, 101, FRENCH)],
)
GET = event("get", 200, session=ID, floor=101, version=101, seen=[(ID, 101, FRENCH)])
STORY = [CREATE, CHANGE, GET]
OPEN_CHANGE = replace(CHANGE, status=503, version=None, seen=[])


def test_a_true_story_has_no_findings():
    assert check(STORY, {ID: ROW}, settled=True) == []


def test_a_lost_session_is_found():
    assert check([CREATE], {}) == [f"{ID} was acknowledged and is lost"]


def test_a_lost_change_is_found():
    (finding, *_) = check([CREATE, CHANGE], {ID: Row(100, 100, AT_FIRST)})

    assert "is lost" in finding


def test_a_lost_end_is_found():
    findings = check([CREATE, event("end", 204, session=ID)], {ID: Row(100, 100, AT_FIRST)})

    assert findings == [f"The end of {ID} was acknowledged and is lost"]


def test_a_change_that_was_refused_and_is_there_is_found():
    refused = replace(CHANGE, status=412, version=None, seen=[], refusal=412)

    (finding,) = check([CREATE, refused], {ID: ROW})

    assert "nothing sent explains" in finding


def test_a_change_that_was_refused_for_no_reason_is_found():
    refused = replace(CHANGE, status=412, version=None, seen=[])

    (finding,) = check([CREATE, refused], {ID: Row(100, 100, AT_FIRST)})

    assert "nothing had changed" in finding


def test_a_change_left_open_may_be_there_or_not():
    changed, unchanged = {ID: ROW}, {ID: Row(100, 100, AT_FIRST)}

    assert check([CREATE, OPEN_CHANGE], changed) == check([CREATE, OPEN_CHANGE], unchanged) == []
    assert applied([CREATE, OPEN_CHANGE], changed) == [OPEN_CHANGE]
    assert applied([CREATE, OPEN_CHANGE], unchanged) == []


def test_a_create_left_open_counts_as_applied_when_it_made_the_session_and_not_a_later_try():
    open_, later = replace(CREATE, status=503, version=None, seen=[]), replace(CREATE, at=50.0)

    assert applied([open_, later], {ID: Row(60, 60, AT_FIRST)}) == [open_]
    assert applied([open_, later], {ID: Row(50_060, 50_060, AT_FIRST)}) == []


def test_a_change_that_had_to_be_refused_and_got_no_answer_is_not_taken_for_the_create():
    stale = replace(OPEN_CHANGE, if_match=99, refusal=412)

    assert check([CREATE, stale], {ID: Row(100, 100, AT_FIRST)}) == []
    assert applied([CREATE, stale], {ID: Row(100, 100, AT_FIRST)}) == []


def test_a_change_left_open_that_is_there_twice_is_found():
    (finding,) = check([CREATE, OPEN_CHANGE], {ID: Row(100, 102, FRENCH)})

    assert "nothing sent explains" in finding


def test_half_a_change_is_found():
    both = replace(OPEN_CHANGE, sent={"sourceLanguage": "fr", "qualityTier": "premium"})

    assert check([CREATE, both], {ID: ROW})


def test_one_key_that_opens_two_sessions_is_found():
    other = replace(CREATE, seen=[("holy-psalm-100", 100, AT_FIRST)])

    findings = check(
        [CREATE, other], {ID: Row(100, 100, AT_FIRST), "holy-psalm-100": Row(100, 100, AT_FIRST)}
    )

    assert findings == ["The key k has opened ['holy-psalm-100', 'pure-hope-123']"]


def test_two_creates_that_get_one_session_are_found():
    findings = check([CREATE, replace(CREATE, speaker="bob")], {ID: Row(100, 100, AT_FIRST)})

    assert findings == [f"{ID} was given to 2 creates"]


def test_a_session_that_nobody_was_told_of_is_found_when_all_is_settled():
    rows = {ID: ROW, "holy-psalm-100": ROW}

    assert check(STORY, rows) == []
    assert check(STORY, rows, settled=True) == ["holy-psalm-100 is there and nobody was told"]


def test_an_old_reading_is_found():
    (finding,) = check([*STORY, replace(GET, version=100, seen=[(ID, 100, AT_FIRST)])], {ID: ROW})

    assert "101 was acknowledged before" in finding


def test_a_wrong_reading_is_found():
    (finding,) = check([*STORY, replace(GET, seen=[(ID, 101, AT_FIRST)])], {ID: ROW})[:1]

    assert "which nobody asked for" in finding


def test_a_404_for_a_session_that_is_there_is_found():
    (finding,) = check([*STORY, event("get", 404, session=ID)], {ID: ROW})

    assert "no reason to be refused" in finding


def test_a_500_is_found():
    (finding,) = check([*STORY, event("get", 500, session=ID)], {ID: ROW})

    assert "no reason to be refused" in finding


def test_a_refusal_that_does_not_come_is_found():
    accepted = replace(CREATE, refusal=422)

    assert check([accepted], {ID: Row(100, 100, AT_FIRST)})[0].endswith("must be refused with 422")


def test_a_list_of_what_never_was_is_found():
    listed = event("list", 200, seen=[(ID, None, {**FRENCH, "qualityTier": "premium"})])

    (finding,) = check([*STORY, listed], {ID: ROW})

    assert "which it never was" in finding


def test_a_list_of_another_speakers_sessions_is_found():
    listed = event("list", 200, speaker="bob", seen=[(ID, None, FRENCH)])

    (finding,) = check([*STORY, listed], {ID: ROW})

    assert finding.endswith(f"holds {ID} of alice")
