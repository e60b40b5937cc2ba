"""The contract of CaptionHistory, for the store in memory and the captions table."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from shared.audience.connection import SessionRef
from shared.aws.captions_table import SCHEMA, CaptionsTable, to_item
from shared.captions.caption import MAX_SEQUENCE, Caption, CaptionPage, StoredCaption
from shared.captions.ports import CaptionHistory
from shared.errors import UnreadableRow
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.memory_stores import MemoryCaptionHistory
from tests.support.sessions import NOW
from tests.support.tables import CAPTIONS_TABLE, record_requests

SESSION = SessionRef("blessed-shepherd-427", NOW)
EARLIER_SESSION = SessionRef("blessed-shepherd-427", NOW - 30 * 60 * 60 * 1000)
TRANSLATIONS = {Language.SPANISH: "Frase.", Language.CHINESE: "句子。"}


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> CaptionHistory:
    if request.param == "memory":
        return MemoryCaptionHistory()
    return CaptionsTable(request.getfixturevalue("client"), CAPTIONS_TABLE)


def sequences(captions: list[StoredCaption]) -> list[int]:
    return [stored.caption.sequence for stored in captions]


# writes


@pytest.mark.parametrize(
    "caption",
    [
        a_caption(),
        a_caption(MAX_SEQUENCE, text="á 你好 🙂\nsecond line\t<b>", source_language=Language.NORWEGIAN),
    ],
    ids=["shortest", "longest"],
)
def test_an_added_caption_is_read_back_unchanged(store: CaptionHistory, caption: Caption):
    assert store.add(caption) == StoredCaption(caption=caption)

    assert store.last(SESSION, 1) == [StoredCaption(caption=caption)]


def test_fields_are_read_back_with_their_types(store: CaptionHistory):
    store.add(a_caption())
    store.set_translations(a_caption(), TRANSLATIONS)
    store.set_delivered(a_caption(), NOW + 5)

    (stored,) = store.last(SESSION, 1)

    caption = stored.caption
    assert (type(caption.session), type(caption.source_language)) == (SessionRef, Language)
    numbers = (caption.session.created_at, caption.sequence, caption.spoken_at, caption.published_at)
    assert {type(value) for value in (*numbers, caption.expires_at, stored.delivered_at)} == {int}
    assert {type(language) for language in stored.translations} == {Language}


def test_a_caption_is_added_once_and_then_returned_as_it_has_become(store: CaptionHistory):
    store.add(a_caption())
    store.set_translations(a_caption(), TRANSLATIONS)
    store.set_delivered(a_caption(), NOW + 5)

    stored = store.add(a_caption(text="Another text.", published_at=NOW + 9))

    assert stored == StoredCaption(caption=a_caption(), translations=TRANSLATIONS, delivered_at=NOW + 5)
    assert store.last(SESSION, 9) == [stored]


def test_translations_replace_earlier_ones_and_no_other_field(store: CaptionHistory):
    store.add(a_caption())
    store.set_delivered(a_caption(), NOW + 5)

    store.set_translations(a_caption(), TRANSLATIONS)
    store.set_translations(a_caption(), {Language.FRENCH: "Phrase."})

    assert store.last(SESSION, 1) == [
        StoredCaption(caption=a_caption(), translations={Language.FRENCH: "Phrase."}, delivered_at=NOW + 5)
    ]


@pytest.mark.parametrize("voice", [False, True])
def test_a_delivered_caption_may_be_marked_for_its_voice(store: CaptionHistory, *, voice: bool):
    store.add(a_caption())
    store.set_translations(a_caption(), TRANSLATIONS)
    store.set_delivered(a_caption(), NOW + 5, voice=voice)

    assert store.last(SESSION, 1) == [
        StoredCaption(caption=a_caption(), translations=TRANSLATIONS, delivered_at=NOW + 5, voice=voice)
    ]


def test_a_caption_that_is_not_stored_is_not_created_by_an_update(store: CaptionHistory):
    store.add(a_caption(1))

    store.set_translations(a_caption(2), TRANSLATIONS)
    store.set_delivered(a_caption(2), NOW)

    assert store.last(SESSION, 9) == [StoredCaption(caption=a_caption(1))]


# reads


def test_the_last_captions_come_in_ascending_order(store: CaptionHistory):
    for sequence in (9, 100, 8, 1000):
        store.add(a_caption(sequence))

    assert sequences(store.last(SESSION, 3)) == [9, 100, 1000]
    assert sequences(store.last(SESSION, 4)) == [8, 9, 100, 1000]
    assert sequences(store.last(SESSION, 5)) == [8, 9, 100, 1000]


def test_pages_lead_through_all_captions_and_the_last_one_names_no_next(store: CaptionHistory):
    for sequence in (9, 100, 8, 1000, 11):
        store.add(a_caption(sequence))

    first = store.after(SESSION, 0, 2)
    second = store.after(SESSION, first.next_after or 0, 2)
    third = store.after(SESSION, second.next_after or 0, 2)

    assert [(sequences(page.captions), page.next_after) for page in (first, second, third)] == [
        ([8, 9], 9),
        ([11, 100], 100),
        ([1000], None),
    ]
    assert [page.next and page.next.caption for page in (first, second, third)] == [
        a_caption(11),
        a_caption(1000),
        None,
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_full_last_page_names_no_next(store: CaptionHistory, count: int):
    for sequence in range(1, count + 1):
        store.add(a_caption(sequence))

    page = store.after(SESSION, 0, count)

    assert (sequences(page.captions), page.next_after, page.next) == ([*range(1, count + 1)], None, None)


def test_after_the_last_caption_there_is_an_empty_page(store: CaptionHistory):
    store.add(a_caption(7))

    assert store.after(SESSION, 7, 5) == CaptionPage([], None, None)
    assert store.after(SESSION, 6, 5) == CaptionPage([StoredCaption(caption=a_caption(7))], None, None)
    assert store.after(SESSION, MAX_SEQUENCE, 5) == CaptionPage([], None, None)


def test_an_earlier_session_with_the_same_id_has_its_own_captions(store: CaptionHistory):
    store.add(a_caption(1, session=EARLIER_SESSION))
    store.add(a_caption(2))

    assert (sequences(store.last(SESSION, 9)), sequences(store.after(SESSION, 0, 9).captions)) == ([2], [2])
    assert sequences(store.last(EARLIER_SESSION, 9)) == [1]
    assert store.last(SessionRef("holy-psalm-100", NOW), 9) == []


# DynamoDB only


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda store: store.add(a_caption(1)), "PutItem"),
        (lambda store: store.add(a_caption(2)), "PutItem"),
        (lambda store: store.set_translations(a_caption(1), TRANSLATIONS), "UpdateItem"),
        (lambda store: store.set_delivered(a_caption(1), NOW), "UpdateItem"),
        (lambda store: store.last(SESSION, 20), "Query"),
        (lambda store: store.after(SESSION, 0, 20), "Query"),
    ],
    ids=["add", "add again", "translations", "delivered", "last", "after"],
)
def test_each_method_sends_one_request(client: Any, call: Callable[[CaptionHistory], object], operation: str):
    store = CaptionsTable(client, CAPTIONS_TABLE)
    store.add(a_caption(2))

    with record_requests(client) as operations:
        call(store)

    assert operations == [operation]


def test_what_a_joining_listener_reads_is_consistent(client: Any):
    queries: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: queries.append(params)
    )
    store = CaptionsTable(client, CAPTIONS_TABLE)

    store.last(SESSION, 20)
    store.after(SESSION, 0, 20)

    assert [query.get("ConsistentRead", False) for query in queries] == [True, False]


def test_a_caption_is_deleted_when_its_session_expires(client: Any):
    CaptionsTable(client, CAPTIONS_TABLE).add(a_caption(expires_at=1_800_000_000))

    (item,) = client.scan(TableName=CAPTIONS_TABLE)["Items"]
    assert item["deleteAt"] == {"N": "1800000000"}


def test_a_put_whose_response_was_lost_succeeds_when_it_is_repeated(client: Any):
    lost = [True]

    def lose_the_response(**_: Any) -> None:
        if lost:
            lost.pop()
            raise ConnectionClosedError(endpoint_url="dynamodb")

    store = CaptionsTable(client, CAPTIONS_TABLE)
    client.meta.events.register("after-call.dynamodb.PutItem", lose_the_response)
    with pytest.raises(Exception, match="temporarily unavailable"):
        store.add(a_caption())

    assert store.add(a_caption()) == StoredCaption(caption=a_caption())


def put_item(client: Any, sequence: int, *, without: str = "", **attributes: Any) -> None:
    """Write the item of a_caption() as another release has it."""
    item = to_item(StoredCaption(caption=a_caption(sequence))) | attributes
    client.put_item(
        TableName=CAPTIONS_TABLE, Item={name: value for name, value in item.items() if name != without}
    )


def test_a_page_that_dynamodb_cuts_short_at_1_mb_leads_on(client: Any):
    store = CaptionsTable(client, CAPTIONS_TABLE)
    long = {Language.CHINESE: "字" * 100_000}  # 300 KB, so that four captions exceed a page of DynamoDB
    for sequence in range(1, 7):
        store.add(a_caption(sequence))
        store.set_translations(a_caption(sequence), long)

    pages, after = [], 0
    while True:
        page = store.after(SESSION, after, 100)
        pages.append(sequences(page.captions))
        if page.next_after is None:
            break
        after = page.next_after

    assert [sequence for page in pages for sequence in page] == [1, 2, 3, 4, 5, 6]
    assert len(pages) > 1


# DynamoDB only: rows of another release


def test_rows_of_other_releases_are_read_and_their_words_kept(client: Any):
    translations = {"uk": {"S": "Речення."}, "es": {"S": "Frase."}}
    put_item(client, 1, translations={"M": translations}, sourceLanguage={"S": "cs"}, mood={"S": "calm"})

    (stored,) = CaptionsTable(client, CAPTIONS_TABLE).last(SESSION, 9)

    assert (stored.caption.source_language, dict(stored.translations)) == (
        "cs",
        {"uk": "Речення.", "es": "Frase."},
    )


@pytest.mark.parametrize("attribute", sorted(name for name, _, _ in SCHEMA.values()))
def test_a_row_that_cannot_be_read_stops_no_other_and_is_passed_by_the_next_page(client: Any, attribute: str):
    store = CaptionsTable(client, CAPTIONS_TABLE)
    key = attribute in ("sessionKey", "sequence")
    put_item(client, 1)
    put_item(client, 2, without="" if key else attribute, **({"translations": {"S": "x"}} if key else {}))
    put_item(client, 3)

    assert sequences(store.last(SESSION, 9)) == [1, 3]
    page = store.after(SESSION, 0, 2)
    assert (sequences(page.captions), page.next_after) == ([1], 2)
    assert sequences(store.after(SESSION, 2, 2).captions) == [3]
    with pytest.raises(UnreadableRow):
        store.add(a_caption(2))


def test_the_log_of_a_row_that_cannot_be_read_has_no_text(client: Any, caplog: pytest.LogCaptureFixture):
    put_item(client, 1, spokenAt={"S": "yesterday"})

    CaptionsTable(client, CAPTIONS_TABLE).last(SESSION, 9)

    (record,) = caplog.records
    assert record.message == "A row cannot be read"
    assert "Sentence" not in str(vars(record))


def test_every_field_of_a_caption_has_its_attribute():
    assert SCHEMA.keys() == {field.name for field in fields(Caption)}
