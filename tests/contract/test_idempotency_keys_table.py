"""The contract of KeyStore, for the store in memory and the idempotency keys table."""

import json
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError

from shared.aws.idempotency_keys_table import SCHEMA, IdempotencyKeysTable
from shared.aws.sessions_table import SessionsTable
from shared.errors import ServiceUnavailable, UnreadableRow, WriteConflict
from shared.sessions.keys import IdempotencyKey, KeyRow, KeyTaken
from shared.sessions.ports import KeyStore, SessionStore
from shared.sessions.session import ConditionFailed, Session
from tests.support.memory_stores import MemoryKeys, MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import (
    IDEMPOTENCY_KEYS_TABLE,
    SESSIONS_TABLE,
    lose_first_response,
    record_requests,
)

REUSABLE_BEFORE = NOW_S - 3 * 60 * 60
KEY = IdempotencyKey.of("k1", speaker=ALICE, request=("en", "standard"))
REPEATED = IdempotencyKey.of("k1", speaker=ALICE, request=("en", "standard"))
OTHER_BODY = IdempotencyKey.of("k1", speaker=ALICE, request=("fr", "standard"))
OTHER_KEY = IdempotencyKey.of("k2", speaker=ALICE, request=("en", "standard"))
OTHER_ID = "holy-psalm-100"


class Stores(NamedTuple):
    """A key store, and the store of its sessions."""

    keys: KeyStore
    sessions: SessionStore

    def add(
        self, session: Session, key: IdempotencyKey = KEY, *, reusable_before: int = REUSABLE_BEFORE
    ) -> Session | KeyTaken | ConditionFailed:
        """Add a session with a key."""
        return self.keys.add_with_key(session, key, reusable_before=reusable_before)


@pytest.fixture
def dynamodb(client: Any) -> Stores:
    return Stores(
        IdempotencyKeysTable(client, IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE),
        SessionsTable(client, SESSIONS_TABLE),
    )


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "dynamodb":
        return request.getfixturevalue("dynamodb")
    sessions = MemorySessions()
    return Stores(MemoryKeys(sessions), sessions)


def row(session: Session, key: IdempotencyKey = KEY) -> KeyRow:
    return KeyRow(*key, session.id, session.created_at, session.expires_at)


def test_a_session_and_its_key_are_written(stores: Stores):
    session = a_session()

    result = stores.add(session)

    assert result == session
    assert stores.sessions.get(session.id) == session
    assert stores.keys.get(KEY.digest) == row(session)


def test_an_unknown_key_has_no_row(stores: Stores):
    assert stores.keys.get(KEY.digest) is None


@pytest.mark.parametrize("key", [REPEATED, OTHER_BODY], ids=["same body", "other body"])
def test_with_a_key_that_is_taken_nothing_is_written(stores: Stores, key: IdempotencyKey):
    first = a_session()
    stores.add(first)

    result = stores.add(a_session(id=OTHER_ID), key)

    assert result == KeyTaken(row(first))
    assert stores.keys.get(KEY.digest) == row(first)
    assert stores.sessions.get(OTHER_ID) is None


def test_with_an_id_that_is_taken_nothing_is_written(stores: Stores):
    holder = a_session(speaker=BOB)
    stores.sessions.add(holder, reusable_before=REUSABLE_BEFORE)

    result = stores.add(a_session())

    assert result == ConditionFailed(holder)
    assert stores.sessions.get(holder.id) == holder
    assert stores.keys.get(KEY.digest) is None


def test_a_taken_key_comes_before_a_taken_id(stores: Stores):
    first = a_session()
    stores.add(first)

    assert stores.add(a_session(), REPEATED) == KeyTaken(row(first))


def test_the_same_call_again_returns_the_session(stores: Stores):
    session = a_session()
    stores.add(session)

    assert stores.add(session) == session
    assert stores.keys.get(KEY.digest) == row(session)


def test_the_id_of_a_keys_session_is_taken_for_another_key(stores: Stores):
    first = a_session()
    stores.add(first)

    assert stores.add(a_session(), OTHER_KEY) == ConditionFailed(first)
    assert stores.keys.get(OTHER_KEY.digest) is None


@pytest.mark.parametrize(("expires_at", "taken"), [(NOW_S + 1, True), (NOW_S, False), (NOW_S - 1, False)])
def test_a_key_can_be_reused_from_the_second_in_which_its_session_expires(
    stores: Stores, expires_at: int, taken: bool
):
    old = a_session(expires_at=expires_at, created_at=NOW - 5000)
    stores.add(old)
    new = a_session(id=OTHER_ID)

    result = stores.add(new, OTHER_BODY)

    assert result == (KeyTaken(row(old)) if taken else new)
    assert stores.keys.get(KEY.digest) == (row(old) if taken else row(new, OTHER_BODY))


def test_an_expired_key_is_returned(stores: Stores):
    expired = a_session(expires_at=NOW_S - 1, created_at=NOW - 5000)
    stores.add(expired)

    assert stores.keys.get(KEY.digest) == row(expired)


@pytest.mark.parametrize(("expires_at", "reusable"), [(REUSABLE_BEFORE, False), (REUSABLE_BEFORE - 1, True)])
def test_an_id_can_be_reused_as_without_a_key(stores: Stores, expires_at: int, reusable: bool):
    old = a_session(speaker=BOB, expires_at=expires_at)
    stores.sessions.add(old, reusable_before=REUSABLE_BEFORE)
    new = a_session()

    assert stores.add(new) == (new if reusable else ConditionFailed(old))


# DynamoDB only


def items(client: Any, table: str) -> list[dict[str, Any]]:
    return list(client.scan(TableName=table, ConsistentRead=True)["Items"])


def test_the_schema_has_every_field_of_a_row():
    assert set(SCHEMA) == set(KeyRow._fields)


def test_the_row_of_a_key_lives_exactly_as_long_as_its_session(client: Any, dynamodb: Stores):
    session = a_session()
    dynamodb.add(session)

    (key,), (stored,) = items(client, IDEMPOTENCY_KEYS_TABLE), items(client, SESSIONS_TABLE)

    assert key == {
        "keyDigest": {"S": KEY.digest},
        "requestDigest": {"S": KEY.request_digest},
        "writeId": {"S": KEY.write_id},
        "sessionId": {"S": session.id},
        "sessionCreatedAt": {"N": str(NOW)},
        "expiresAt": {"N": str(NOW_S + 24 * 60 * 60)},
    }
    assert key["expiresAt"] == stored["expiresAt"]


def test_a_session_has_the_same_attributes_as_without_a_key(client: Any, dynamodb: Stores):
    dynamodb.add(a_session())
    dynamodb.sessions.add(a_session(id=OTHER_ID), reusable_before=REUSABLE_BEFORE)

    with_key, without_key = items(client, SESSIONS_TABLE)

    own = {"sessionId", "writeId"}
    assert {name: value for name, value in with_key.items() if name not in own} == {
        name: value for name, value in without_key.items() if name not in own
    }
    assert with_key.keys() == without_key.keys()


@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
def test_an_add_is_one_request(client: Any, dynamodb: Stores, taken: bool):
    if taken:
        dynamodb.add(a_session())

    with record_requests(client) as operations:
        dynamodb.add(a_session(id=OTHER_ID), REPEATED)

    assert operations == ["TransactWriteItems"]


def test_a_key_is_read_consistently(client: Any, dynamodb: Stores):
    reads: list[Any] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: reads.append(params["ConsistentRead"])
    )

    dynamodb.keys.get(KEY.digest)

    assert reads == [True]


def test_a_row_of_a_later_release_is_read(client: Any, dynamodb: Stores):
    session = a_session()
    dynamodb.add(session)
    (item,) = items(client, IDEMPOTENCY_KEYS_TABLE)
    client.put_item(TableName=IDEMPOTENCY_KEYS_TABLE, Item={**item, "mood": {"S": "calm"}})

    assert dynamodb.keys.get(KEY.digest) == row(session)
    assert dynamodb.add(a_session(id=OTHER_ID), REPEATED) == KeyTaken(row(session))


def test_a_row_that_cannot_be_read_is_refused(client: Any, dynamodb: Stores):
    client.put_item(
        TableName=IDEMPOTENCY_KEYS_TABLE,
        Item={"keyDigest": {"S": KEY.digest}, "expiresAt": {"N": str(NOW_S + 1)}},
    )

    with pytest.raises(UnreadableRow):
        dynamodb.add(a_session())


def test_an_add_whose_response_was_lost_succeeds(client: Any, dynamodb: Stores):
    session = a_session()
    lose_first_response(client, "TransactWriteItems")

    with record_requests(client) as operations:
        result = dynamodb.add(session)

    assert operations == ["TransactWriteItems", "TransactWriteItems"]
    assert result == session
    assert dynamodb.sessions.get(session.id) == session


def test_an_add_whose_response_was_lost_succeeds_when_the_session_has_changed_since(
    client: Any, dynamodb: Stores
):
    session = a_session()
    ended = replace(session, listener_count=3)
    lose_first_response(
        client,
        "TransactWriteItems",
        after_write=lambda: dynamodb.sessions.add(ended, reusable_before=session.expires_at + 1),
    )

    assert dynamodb.add(session) == session
    assert dynamodb.sessions.get(session.id) == ended


def test_every_add_has_its_own_token(client: Any, dynamodb: Stores):
    tokens: list[str] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems",
        lambda params, **_: tokens.append(params["ClientRequestToken"]),
    )

    dynamodb.add(a_session())
    dynamodb.add(a_session())

    assert [len(token) for token in tokens] == [32, 32]
    assert len(set(tokens)) == 2


# DynamoDB only: responses that no emulator gives


def respond(client: Any, body: dict[str, Any]) -> None:
    """Make DynamoDB respond to each transaction with this error."""

    class Body:
        def stream(self) -> list[bytes]:
            return [json.dumps(body).encode()]

    client.meta.events.register_first(
        "before-send.dynamodb.TransactWriteItems",
        lambda request, **_: AWSResponse(request.url, 400, {}, Body()),
    )


def cancelled(*codes: str) -> dict[str, Any]:
    """Return the error of a transaction that is cancelled for these reasons; taken rows are a_session()'s."""
    taken = ({name: {"S": value} if kind == "S" else {"N": value}
              for (name, kind, _), value in zip(SCHEMA.values(), map(str, row(a_session())), strict=True)},
             {})  # fmt: skip
    reasons = [
        {"Code": code, "Item": item} if code == "ConditionalCheckFailed" else {"Code": code}
        for code, item in zip(codes, taken, strict=True)
    ]
    error = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return {"__type": error, "message": "cancelled", "CancellationReasons": reasons}


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        (("TransactionConflict", "None"), WriteConflict),
        (("None", "TransactionConflict"), WriteConflict),
        (("TransactionConflict", "ConditionalCheckFailed"), WriteConflict),
        (("TransactionConflict", "ThrottlingError"), WriteConflict),
        (("None", "ThrottlingError"), ServiceUnavailable),
        (("ProvisionedThroughputExceeded", "None"), ServiceUnavailable),
        (("ValidationError", "None"), ClientError),
        (("ItemCollectionSizeLimitExceeded", "TransactionConflict"), ClientError),
        (("None", "None"), ClientError),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else value.__name__,
)
def test_the_first_reason_of_a_cancelled_transaction_decides(
    client: Any, dynamodb: Stores, reasons: tuple[str, ...], error: type[Exception]
):
    respond(client, cancelled(*reasons))

    with pytest.raises(error) as raised:
        dynamodb.add(a_session())

    assert type(raised.value) is error or error is ClientError


@pytest.mark.parametrize("reason", ["None", "TransactionConflict", "ThrottlingError", "ValidationError"])
def test_a_taken_key_decides_whatever_the_session_has_met(client: Any, dynamodb: Stores, reason: str):
    respond(client, cancelled("ConditionalCheckFailed", reason))

    assert dynamodb.add(a_session(id=OTHER_ID), REPEATED) == KeyTaken(row(a_session()))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("TransactionInProgressException", WriteConflict),
        ("ThrottlingException", ServiceUnavailable),
        ("IdempotentParameterMismatchException", ClientError),
        ("AccessDeniedException", ClientError),
    ],
)
def test_an_error_of_the_transaction_itself(
    client: Any, dynamodb: Stores, code: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    respond(client, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "refused"})

    with pytest.raises(error) as raised:
        dynamodb.add(a_session())

    assert type(raised.value) is error or error is ClientError


def test_without_a_response_an_add_is_service_unavailable(
    client: Any, dynamodb: Stores, monkeypatch: pytest.MonkeyPatch
):
    def time_out(request: Any, **_: Any) -> None:
        raise ReadTimeoutError(endpoint_url=request.url)

    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    client.meta.events.register_first("before-send.dynamodb.TransactWriteItems", time_out)

    with pytest.raises(ServiceUnavailable) as raised:
        dynamodb.add(a_session())

    assert not isinstance(raised.value, WriteConflict)
