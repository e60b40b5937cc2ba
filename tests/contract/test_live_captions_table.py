"""The contract of LiveCaptions, for the store in memory and the live captions table."""

import itertools
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import pytest
from moto.dynamodb.responses import DynamoHandler

from shared.audience.connection import SessionRef
from shared.aws.live_captions_table import LiveCaptionsTable, from_item, to_item
from shared.captions.caption import MAX_SEQUENCE, Caption, PublishRefused
from shared.captions.ports import LiveCaptions
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.memory_stores import MemoryLiveCaptions
from tests.support.sessions import NOW
from tests.support.tables import LIVE_CAPTIONS_TABLE, lose_first_response, record_requests

SESSION = SessionRef("blessed-shepherd-427", NOW)
LIMIT = 2000
MINUTE = NOW // 60_000
NEXT_MINUTE = (MINUTE + 1) * 60_000


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> LiveCaptions:
    if request.param == "memory":
        return MemoryLiveCaptions()
    return LiveCaptionsTable(request.getfixturevalue("client"), LIVE_CAPTIONS_TABLE)


@pytest.fixture
def table(client: Any) -> LiveCaptionsTable:
    return LiveCaptionsTable(client, LIVE_CAPTIONS_TABLE)


def a_text(sequence: int, length: int, **overrides: Any) -> Caption:
    """Return a caption with a text of this length."""
    return a_caption(sequence, text="x" * length, **overrides)


def publish(store: LiveCaptions, caption: Caption, limit: int = LIMIT) -> PublishRefused | None:
    return store.publish(caption, characters_per_minute=limit)


# the last caption


@pytest.mark.parametrize(
    "caption",
    [
        a_caption(),
        a_caption(MAX_SEQUENCE, text="á 你好 🙂\nsecond line\t<b>", source_language=Language.NORWEGIAN),
    ],
    ids=["first", "highest sequence"],
)
def test_a_published_caption_is_the_last_one_unchanged(store: LiveCaptions, caption: Caption):
    assert publish(store, caption) is None

    assert store.last(SESSION) == caption


def test_fields_are_read_back_with_their_types(store: LiveCaptions):
    publish(store, a_caption())

    last = store.last(SESSION)

    assert last is not None
    assert (type(last.session), type(last.source_language), type(last.text)) == (SessionRef, Language, str)
    assert {
        type(getattr(last, name)) for name in ("sequence", "spoken_at", "published_at", "expires_at")
    } == {int}


def test_a_session_has_no_last_caption_before_its_first(store: LiveCaptions):
    assert store.last(SESSION) is None


def test_a_caption_with_a_higher_sequence_replaces_the_last_one(store: LiveCaptions):
    publish(store, a_caption(1))

    assert publish(store, a_caption(7, source_language=Language.FRENCH)) is None

    assert store.last(SESSION) == a_caption(7, source_language=Language.FRENCH)


@pytest.mark.parametrize("sequence", [5, 4, 1])
def test_a_caption_without_a_higher_sequence_is_refused_and_changes_nothing(
    store: LiveCaptions, sequence: int
):
    publish(store, a_caption(5))

    refused = publish(store, a_caption(sequence, text="Another text."))

    assert refused == PublishRefused(a_caption(5), MINUTE)
    assert store.last(SESSION) == a_caption(5)


def test_sequences_are_compared_as_numbers(store: LiveCaptions):
    publish(store, a_caption(9))

    assert publish(store, a_caption(10)) is None


def test_a_session_whose_id_was_another_ones_begins_without_captions(store: LiveCaptions):
    earlier = SessionRef(SESSION.id, NOW - 30 * 60 * 60 * 1000)
    publish(store, a_caption(5, session=earlier))

    assert publish(store, a_caption(1)) is None

    assert (store.last(earlier), store.last(SESSION)) == (a_caption(5, session=earlier), a_caption(1))


# the characters of a minute


def test_exactly_as_many_characters_as_the_limit_are_published_in_a_minute(store: LiveCaptions):
    results = [publish(store, a_text(n, length)) for n, length in enumerate((1000, 999, 2, 1, 1), start=1)]

    last = a_text(4, 1)
    assert results == [
        None,
        None,
        PublishRefused(a_text(2, 999), MINUTE),
        None,
        PublishRefused(last, MINUTE),
    ]


def test_characters_are_counted_and_not_bytes(store: LiveCaptions):
    assert publish(store, a_caption(1, text="句" * 500 + "🙂" * 500), limit=1000) is None

    assert publish(store, a_caption(2, text="x"), limit=1000) is not None


def test_a_refused_caption_counts_no_characters(store: LiveCaptions):
    publish(store, a_text(5, 1000))
    for sequence in (5, 4, 3):
        publish(store, a_text(sequence, 900))

    assert publish(store, a_text(6, 1000)) is None


def test_each_minute_has_its_own_characters(store: LiveCaptions):
    publish(store, a_text(1, 1000, published_at=NEXT_MINUTE - 1), limit=1000)

    before = publish(store, a_text(2, 1, published_at=NEXT_MINUTE - 1), limit=1000)
    after = publish(store, a_text(2, 1000, published_at=NEXT_MINUTE), limit=1000)
    again = publish(store, a_text(3, 1, published_at=NEXT_MINUTE + 59_999), limit=1000)

    assert (before, after) == (PublishRefused(a_text(1, 1000, published_at=NEXT_MINUTE - 1), MINUTE), None)
    assert again == PublishRefused(a_text(2, 1000, published_at=NEXT_MINUTE), MINUTE + 1)


def test_a_caption_by_a_slower_clock_counts_in_the_minute_of_the_last_one(store: LiveCaptions):
    last = a_text(1, 600, published_at=NEXT_MINUTE)
    publish(store, last, limit=1000)

    too_much = publish(store, a_text(2, 401, published_at=NEXT_MINUTE - 1), limit=1000)
    enough = publish(store, a_text(2, 400, published_at=NEXT_MINUTE - 1), limit=1000)
    nothing_left = publish(store, a_text(3, 1, published_at=NEXT_MINUTE), limit=1000)

    assert (too_much, enough) == (PublishRefused(last, MINUTE + 1), None)
    assert nothing_left == PublishRefused(a_text(2, 400, published_at=NEXT_MINUTE - 1), MINUTE + 1)


def test_a_caption_longer_than_the_limit_is_refused_in_every_minute(store: LiveCaptions):
    first = publish(store, a_text(1, 11), limit=10)
    publish(store, a_text(1, 10), limit=10)
    later = publish(store, a_text(2, 11, published_at=NEXT_MINUTE), limit=10)

    assert (first, later) == (PublishRefused(None, MINUTE), PublishRefused(a_text(1, 10), MINUTE + 1))


def test_a_limit_of_zero_is_no_limit(store: LiveCaptions):
    results = [publish(store, a_text(sequence, 1000), limit=0) for sequence in range(1, 6)]

    assert results == [None] * 5


def test_a_changed_limit_applies_at_once(store: LiveCaptions):
    publish(store, a_text(1, 1000), limit=1000)

    assert publish(store, a_text(2, 1), limit=1001) is None
    assert publish(store, a_text(3, 1), limit=500) == PublishRefused(a_text(2, 1), MINUTE)


@pytest.mark.parametrize("seed", range(2))
def test_both_stores_decide_alike_about_random_captions(client: Any, seed: int):
    rng = random.Random(seed)
    stores = [MemoryLiveCaptions(), LiveCaptionsTable(client, LIVE_CAPTIONS_TABLE)]
    refusals = 0

    for _ in range(60):
        caption = a_text(
            rng.randint(1, 60), rng.choice([1, 300, 700, 1000]), published_at=NOW + rng.randint(0, 120_000)
        )
        limit = rng.choice([0, 1000, LIMIT])
        memory, dynamodb = (publish(store, caption, limit) for store in stores)

        assert memory == dynamodb
        assert stores[0].last(SESSION) == stores[1].last(SESSION)
        refusals += memory is not None

    assert 15 < refusals < 60


# concurrent captions


@pytest.fixture
def atomic_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one call of moto at a time: its conditional writes are not atomic between threads."""
    call_action, lock = DynamoHandler.call_action, threading.RLock()

    def call_one_at_a_time(handler: DynamoHandler) -> Any:
        with lock:
            return call_action(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", call_one_at_a_time)


def publish_at_once(store: LiveCaptions, captions: list[Caption]) -> list[PublishRefused | None]:
    """Publish each caption in a thread of its own, all beginning together."""
    barrier = threading.Barrier(len(captions))

    def publish_one(caption: Caption) -> PublishRefused | None:
        barrier.wait()
        return publish(store, caption)

    with ThreadPoolExecutor(len(captions)) as executor:
        return list(executor.map(publish_one, captions))


@pytest.mark.usefixtures("atomic_moto")
def test_of_concurrent_captions_with_one_sequence_exactly_one_is_published(store: LiveCaptions):
    captions = [a_caption(1, text=f"Version {number}.") for number in range(10)]

    results = publish_at_once(store, captions)

    (published,) = [caption for caption, refused in zip(captions, results, strict=True) if not refused]
    assert store.last(SESSION) == published
    assert {refused.last for refused in results if refused} == {published}


@pytest.mark.usefixtures("atomic_moto")
@pytest.mark.parametrize("minute_begins", [False, True], ids=["same minute", "next minute"])
def test_concurrent_captions_publish_no_more_characters_than_the_limit(
    store: LiveCaptions, minute_begins: bool
):
    publish(store, a_text(1, 1, published_at=NEXT_MINUTE - 1 if minute_begins else NEXT_MINUTE))
    captions = [a_text(sequence, 300, published_at=NEXT_MINUTE) for sequence in range(2, 14)]

    results = publish_at_once(store, captions)

    published = [caption for caption, refused in zip(captions, results, strict=True) if not refused]
    left = LIMIT - 300 * len(published) - (0 if minute_begins else 1)
    assert published
    assert left >= 0
    # What was refused for its sequence has counted nothing, so the rest of the minute is still there.
    sequences = itertools.count(100)
    for length in (1000, 100, 10, 1):
        while left >= length:
            assert publish(store, a_text(next(sequences), length, published_at=NEXT_MINUTE)) is None
            left -= length
    assert publish(store, a_text(MAX_SEQUENCE, 1, published_at=NEXT_MINUTE)) is not None


# DynamoDB only: requests


@pytest.mark.parametrize(
    ("earlier", "caption", "requests"),
    [
        (None, a_caption(), 2),
        (a_caption(1), a_caption(2), 1),
        (a_caption(1), a_caption(2, published_at=NEXT_MINUTE), 2),
        (a_caption(1), a_caption(1), 1),
        (a_text(1, LIMIT), a_caption(2), 1),
        (a_text(1, LIMIT), a_text(2, LIMIT + 1, published_at=NEXT_MINUTE), 1),
    ],
    ids=["first", "same minute", "next minute", "repeated", "over the limit", "longer than the limit"],
)
def test_a_caption_is_one_request_and_two_where_a_minute_begins(
    client: Any, table: LiveCaptionsTable, earlier: Caption | None, caption: Caption, requests: int
):
    if earlier:
        publish(table, earlier)

    with record_requests(client) as operations:
        publish(table, caption)

    assert operations == ["UpdateItem"] * requests


def test_the_last_caption_is_read_with_one_consistent_request(client: Any, table: LiveCaptionsTable):
    reads: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: reads.append(params)
    )

    with record_requests(client) as operations:
        table.last(SESSION)

    assert (operations, [read["ConsistentRead"] for read in reads]) == (["GetItem"], [True])


# DynamoDB only: what happens between the requests of one publish


def before_request(client: Any, *actions: Callable[[], object] | None) -> None:
    """Run an action before each of the next UpdateItem calls of the client; None for no action."""
    remaining = list(actions)

    def act(**_: Any) -> None:
        action = remaining.pop(0) if remaining else None
        if action:
            action()

    client.meta.events.register("provide-client-params.dynamodb.UpdateItem", act)


def test_a_caption_continues_the_minute_that_another_one_has_begun_meanwhile(
    client: Any, table: LiveCaptionsTable
):
    other = LiveCaptionsTable(client, LIVE_CAPTIONS_TABLE)
    before_request(client, None, lambda: publish(other, a_text(1, 1500)))

    with record_requests(client) as operations:
        result = publish(table, a_text(2, 500))

    # The two requests of the other caption are between the first and the second one of this.
    assert (result, operations) == (None, ["UpdateItem"] * 5)
    assert publish(table, a_text(3, 1)) == PublishRefused(a_text(2, 500), MINUTE)


def test_a_caption_is_refused_when_another_one_uses_up_the_minute_meanwhile(
    client: Any, table: LiveCaptionsTable
):
    other = LiveCaptionsTable(client, LIVE_CAPTIONS_TABLE)
    before_request(client, None, lambda: publish(other, a_text(1, 1500)))

    assert publish(table, a_text(2, 501)) == PublishRefused(a_text(1, 1500), MINUTE)


def test_a_caption_is_refused_when_another_one_takes_its_sequence_meanwhile(
    client: Any, table: LiveCaptionsTable
):
    other = LiveCaptionsTable(client, LIVE_CAPTIONS_TABLE)
    before_request(client, None, lambda: publish(other, a_caption(2, text="First.")))

    assert publish(table, a_caption(2)) == PublishRefused(a_caption(2, text="First."), MINUTE)


def test_a_row_that_disappears_between_the_requests_is_a_temporary_fault(
    client: Any, table: LiveCaptionsTable
):
    before_request(
        client, None, lambda: put_item(client, minute={"N": str(MINUTE)}), lambda: delete_item(client)
    )

    with pytest.raises(ServiceUnavailable):
        publish(table, a_caption(2))


@pytest.mark.parametrize("earlier", [None, a_text(1, 1000)], ids=["first caption", "later caption"])
def test_a_caption_whose_response_was_lost_is_found_as_its_own_repeat_and_counted_once(
    client: Any, table: LiveCaptionsTable, earlier: Caption | None
):
    if earlier:
        publish(table, earlier)
    lost: list[object] = []

    def lose_response() -> None:
        lose_first_response(client, "UpdateItem", after_write=lambda: lost.append(None))

    # The first request of a first caption is refused.
    before_request(client, *([lose_response] if earlier else [None, lose_response]))
    caption = a_text(2, 1000 if earlier else LIMIT)

    refused = publish(table, caption)

    assert lost
    assert refused is not None
    assert refused.last == caption
    assert publish(table, a_text(3, 1)) == PublishRefused(caption, MINUTE)


# DynamoDB only: rows of other releases


def put_item(client: Any, *, without: str = "", **attributes: Any) -> None:
    """Write the item of a_caption() as another release has it; by default it has counted 9 characters."""
    item = {
        **to_item(a_caption()),
        "minute": {"N": str(MINUTE)},
        "minuteCharacters": {"N": "9"},
        **attributes,
    }
    client.put_item(
        TableName=LIVE_CAPTIONS_TABLE,
        Item={name: value for name, value in item.items() if name != without},
    )


def delete_item(client: Any) -> None:
    client.delete_item(
        TableName=LIVE_CAPTIONS_TABLE,
        Key={"sessionId": {"S": SESSION.id}, "sessionCreatedAt": {"N": str(NOW)}},
    )


def get_item(client: Any) -> dict[str, Any]:
    (item,) = client.scan(TableName=LIVE_CAPTIONS_TABLE)["Items"]
    return dict(item)


@pytest.mark.parametrize("without", ["minute", "minuteCharacters"])
def test_a_row_of_an_earlier_release_without_a_count_begins_one(
    client: Any, table: LiveCaptionsTable, without: str
):
    put_item(client, without=without)

    assert publish(table, a_text(2, 1000)) is None

    item = get_item(client)
    assert (item["minute"], item["minuteCharacters"]) == ({"N": str(MINUTE)}, {"N": "1000"})


def test_what_a_later_release_has_written_is_read_and_kept(client: Any, table: LiveCaptionsTable):
    put_item(client, sourceLanguage={"S": "uk"}, mood={"S": "calm"})

    last = table.last(SESSION)
    publish(table, a_caption(2))

    assert last == replace(a_caption(), source_language="uk")  # type: ignore[arg-type]
    assert (get_item(client)["mood"], get_item(client)["sequence"]) == ({"S": "calm"}, {"N": "2"})


@pytest.mark.parametrize("attribute", ["text", "spokenAt", "publishedAt", "sourceLanguage"])
def test_a_row_that_cannot_be_read_is_reported_without_its_text(
    client: Any, table: LiveCaptionsTable, attribute: str, caplog: pytest.LogCaptureFixture
):
    put_item(client, without=attribute)

    for call in (lambda: table.last(SESSION), lambda: publish(table, a_caption(1))):
        with pytest.raises(UnreadableRow):
            call()

    assert [record.message for record in caplog.records] == ["A row cannot be read"] * 2
    assert "Sentence" not in str([vars(record) for record in caplog.records])


def test_a_caption_replaces_a_row_that_cannot_be_read(client: Any, table: LiveCaptionsTable):
    put_item(client, without="text")

    assert publish(table, a_caption(2)) is None

    assert table.last(SESSION) == a_caption(2)


# DynamoDB only: the item


def test_an_item_is_deleted_with_its_session_and_read_from_the_stream(client: Any, table: LiveCaptionsTable):
    publish(table, a_caption())

    item = get_item(client)

    assert item == {
        "sessionId": {"S": "blessed-shepherd-427"},
        "sessionCreatedAt": {"N": str(NOW)},
        "sequence": {"N": "1"},
        "text": {"S": "Sentence 1."},
        "sourceLanguage": {"S": "en"},
        "spokenAt": {"N": str(NOW)},
        "publishedAt": {"N": str(NOW)},
        "minute": {"N": str(MINUTE)},
        "minuteCharacters": {"N": "11"},
        "deleteAt": {"N": str(a_caption().expires_at)},
    }
    assert from_item(item) == a_caption()


def test_an_item_has_every_field_of_a_caption():
    attributes = set(to_item(a_caption()))

    # The session is two attributes.
    assert len(attributes) == len(fields(Caption)) + 1
