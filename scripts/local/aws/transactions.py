"""Writes of moto's DynamoDB one at a time, and its transactions as DynamoDB runs them.

moto's own transactions copy every table, leave stream records when they are cancelled, and know neither
conflicts nor client request tokens.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import contextlib
import copy
import functools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from moto.core.responses import ActionResult
from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.exceptions import (
    DynamodbException,
    MockValidationException,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

from scripts.local.aws.patching import Method, wrap

MAX_ITEMS = 100
TOKEN_SECONDS = 600
"""How long a client request token is known after its transaction."""

COMMIT_SECONDS = 0.002
"""How long the items of a transaction stay in progress, so that others meet them as on AWS."""

CONFLICTS_PATH = "/moto-api/conflicts"
"""Where the local AWS takes conflicts that tests inject."""

_CONFLICT = ("TransactionConflict", "Transaction is ongoing for the item", None)
_HELD: tuple[None, None, None] = (None, None, None)


class _ItemKey(NamedTuple):
    table_arn: str
    partition: str
    sort: str | None


class _Token(NamedTuple):
    request: str
    known_until: float | None  # None while its transaction is in progress


@dataclass(frozen=True)
class _Operation:
    """One item of a transaction."""

    backend: DynamoDBBackend
    kind: str
    parameters: Mapping[str, Any]

    @classmethod
    def of(cls, backend: DynamoDBBackend, item: Mapping[str, Any]) -> Self:
        if len(item) != 1:
            raise MockValidationException(
                "TransactItems can only contain one of Check, Put, Update or Delete"
            )
        ((kind, parameters),) = item.items()
        return cls(backend, kind, parameters)

    @property
    def table(self) -> Any:
        return self.backend.get_table(self.parameters["TableName"])

    @property
    def key(self) -> _ItemKey:
        return _item_key(self.table, self.parameters["Item" if self.kind == "Put" else "Key"])

    @property
    def current(self) -> Any:
        """The item of moto, None if there is none."""
        return self.backend.get_item(self.parameters["TableName"], self.key_attributes)

    @property
    def key_attributes(self) -> dict[str, Any]:
        attributes = self.parameters["Item" if self.kind == "Put" else "Key"]
        return {name: attributes[name] for name in _key_names(self.table)}

    def failure(self) -> tuple[str, str, Any] | tuple[None, None, None]:
        """Return why the condition does not hold: code, message and the item if it was asked for."""
        condition = create_condition_expression_parser(
            self.parameters.get("ConditionExpression"),
            self.parameters.get("ExpressionAttributeNames"),
            self.parameters.get("ExpressionAttributeValues"),
        ).parse()
        current = self.current
        if condition.expr(current):
            return _HELD
        wanted = self.parameters.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        item = current.to_json()["Attributes"] if current and wanted else None
        return "ConditionalCheckFailed", "The conditional request failed", item

    def apply(self) -> None:
        """Write the item without a stream record."""
        name, table = self.parameters["TableName"], self.table
        shard, table.stream_shard = table.stream_shard, None
        try:
            if self.kind == "Put":
                self.backend.put_item(name, self.parameters["Item"], overwrite=True)
            elif self.kind == "Delete":
                self.backend.delete_item(name, self.parameters["Key"])
            elif self.kind == "Update":
                self.backend.update_item(
                    name,
                    self.parameters["Key"],
                    self.parameters["UpdateExpression"],
                    self.parameters.get("ExpressionAttributeNames", {}),
                    self.parameters.get("ExpressionAttributeValues", {}),
                )
        finally:
            table.stream_shard = shard

    def restore(self, item: Any) -> None:
        """Put back the item that was there before `apply`."""
        table = self.table
        partition, sort = self.backend.get_keys_value(table, self.key_attributes)
        if item is None:
            items, key = (table.items[partition], sort) if sort else (table.items, partition)
            items.pop(key, None)
        elif sort:
            table.items[partition][sort] = item
        else:
            table.items[partition] = item

    def write_record(self, old: Any) -> None:
        """Write the stream record of an applied operation."""
        new = self.current
        if self.table.stream_shard is not None and (old or new) and self.kind != "ConditionCheck":
            self.table.stream_shard.add(old, new)


class Transactions:
    """Runs writes and transactions. `clock` returns seconds, `sleep` takes them."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.RLock()
        self._in_progress: set[_ItemKey] = set()
        self._tokens: dict[str, _Token] = {}
        self._injected: Counter[str] = Counter()

    def inject_conflicts(self, table: str, count: int) -> None:
        """Let the next `count` writes to items of the table meet a transaction that is in progress."""
        with self._lock:
            self._injected[table] = count

    def call(self, call: Method, handler: Any) -> Any:
        """Run a call of DynamoDB. moto reads, compares and writes an item in several steps."""
        if handler.headers.get("X-Amz-Target", "").endswith(".TransactWriteItems"):
            return call(handler)  # takes the lock itself
        with self._lock:
            return call(handler)

    def check_write(self, handler: Any) -> None:
        """Refuse a plain write to an item that a transaction is writing."""
        request = handler.body
        table = handler.dynamodb_backend.get_table(request["TableName"])
        if self._conflicts(_item_key(table, request.get("Item") or request["Key"]), request["TableName"]):
            raise _error("TransactionConflictException", "Transaction is ongoing for the item")

    def transact(self, call: Method, handler: Any) -> Any:
        """Run TransactWriteItems: moto checks the request, `write` runs it."""
        token = handler.body.get("ClientRequestToken")
        if token is not None and not 1 <= len(token) <= 36:
            raise MockValidationException("ClientRequestToken must have length 1 to 36")
        request = json.dumps(handler.body["TransactItems"], sort_keys=True)
        with self._lock:
            if token and self._is_done(token, request):
                return ActionResult({})
            before = set(self._in_progress)
            response = call(handler)
            keys = self._in_progress - before
            if token:
                self._tokens[token] = _Token(request, None)
        self._sleep(COMMIT_SECONDS)
        with self._lock:
            self._in_progress -= keys
            if token:
                self._tokens[token] = _Token(request, self._clock() + TOKEN_SECONDS)
        return response

    def write(self, backend: DynamoDBBackend, items: list[Mapping[str, Any]]) -> None:
        """Evaluate all conditions, then write all items or none."""
        if len(items) > MAX_ITEMS:
            raise TooManyTransactionsException
        operations = [_Operation.of(backend, item) for item in items]
        keys = [operation.key for operation in operations]
        if len(set(keys)) < len(keys):
            raise MultipleTransactionsException
        reasons = [
            _CONFLICT if self._conflicts(key, operation.parameters["TableName"]) else operation.failure()
            for key, operation in zip(keys, operations, strict=True)
        ]
        if any(code for code, _, _ in reasons):
            raise TransactionCanceledException(reasons)
        old_items = [copy.deepcopy(operation.current) for operation in operations]
        with _rollback(operations, old_items):
            for operation in operations:
                operation.apply()
        for operation, old_item in zip(operations, old_items, strict=True):
            operation.write_record(old_item)
        self._in_progress.update(keys)

    def _conflicts(self, key: _ItemKey, table: str) -> bool:
        if self._injected[table] > 0:
            self._injected[table] -= 1
            return True
        return key in self._in_progress

    def _is_done(self, token: str, request: str) -> bool:
        known = self._tokens.get(token)
        if known is None or (known.known_until is not None and known.known_until <= self._clock()):
            return False
        if known.request != request:
            raise _error(
                "IdempotentParameterMismatchException",
                "The request has the client request token of another request",
            )
        if known.known_until is None:
            raise _error("TransactionInProgressException", "The transaction is in progress")
        return True


@functools.cache
def install() -> Transactions:
    """Make moto's DynamoDB in this process use one Transactions, and return it."""
    transactions = Transactions()
    wrap(DynamoHandler, "call_action")(transactions.call)
    wrap(DynamoHandler, "transact_write_items")(transactions.transact)
    wrap(DynamoDBBackend, "transact_write_items")(
        lambda _, backend, items: transactions.write(backend, items)
    )
    for name in ("put_item", "update_item", "delete_item"):

        @wrap(DynamoHandler, name)
        def _(write: Method, handler: Any) -> Any:
            transactions.check_write(handler)
            return write(handler)

    return transactions


def _key_names(table: Any) -> Iterable[str]:
    return filter(None, (table.hash_key_attr, table.range_key_attr))


def _item_key(table: Any, attributes: Mapping[str, Any]) -> _ItemKey:
    try:
        values = [json.dumps(attributes[name]) for name in _key_names(table)]
    except KeyError as error:
        raise MockValidationException("The provided key element does not match the schema") from error
    return _ItemKey(table.table_arn, values[0], values[1] if len(values) > 1 else None)


@contextlib.contextmanager
def _rollback(operations: Iterable[_Operation], old_items: Iterable[Any]) -> Iterator[None]:
    """Put the old items back if a write fails."""
    try:
        yield
    except BaseException:
        for operation, old_item in zip(operations, old_items, strict=True):
            operation.restore(old_item)
        raise


def _error(code: str, message: str) -> DynamodbException:
    return DynamodbException(f"com.amazonaws.dynamodb.v20120810#{code}", message)
