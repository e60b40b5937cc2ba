"""Rows as DynamoDB sends them, and the fields that they stand for."""

from collections.abc import Callable, Mapping
from typing import Any

Item = Mapping[str, Mapping[str, Any]]
"""A row as DynamoDB sends it: {"listenerCount": {"N": "3"}}."""

Columns = Mapping[str, tuple[str, str, Callable[[str], object]]]
"""Field: (attribute of the row, its type for DynamoDB, how to read it back)."""


def attributes(columns: Columns, values: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    """Fields as attributes of a row; None is no attribute."""
    return {
        columns[field][0]: {columns[field][1]: str(value)}
        for field, value in values.items()
        if value is not None
    }


def fields(columns: Columns, item: Item) -> dict[str, Any]:
    """Attributes of a row as fields; what is not there is left out."""
    return {
        field: read(item[attribute][kind])
        for field, (attribute, kind, read) in columns.items()
        if attribute in item
    }
