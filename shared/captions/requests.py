"""Messages of clients about captions. Their validation needs no pydantic, whose import takes long."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.captions.caption import MAX_SEQUENCE, MAX_TEXT
from shared.errors import FieldError, InvalidRequest

# Control characters but newline and tab, and halves of surrogate pairs, which are no characters.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCaption:
    """The message `publishCaption`. Unknown fields are ignored, because older clients send more.

    `spoken_at` is epoch ms by the client's clock.
    """

    sequence: int
    text: str
    spoken_at: int | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate decoded values. Raises InvalidRequest, which lists every invalid field."""
        if errors := list(_errors(values)):
            raise InvalidRequest(*errors)
        return cls(sequence=values["sequence"], text=values["text"], spoken_at=values.get("spokenAt"))


def _errors(values: Mapping[str, Any]) -> Iterator[FieldError]:
    for field, error in (("sequence", _sequence_error), ("text", _text_error)):
        sentence = error(values[field]) if field in values else f"{field} is required"
        if sentence:
            yield FieldError(field, sentence)
    # A bool is an int for Python, but not a number in JSON.
    if type(values.get("spokenAt", 0)) is not int:
        yield FieldError("spokenAt", "spokenAt must be a whole number of epoch milliseconds")


def _sequence_error(value: object) -> str | None:
    if type(value) is int and 1 <= value <= MAX_SEQUENCE:
        return None
    return f"sequence must be a whole number from 1 to {MAX_SEQUENCE}"


def _text_error(value: object) -> str | None:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        return f"text must be 1 to {MAX_TEXT} characters, not all of them spaces"
    if FORBIDDEN.search(value):
        return "text must not contain control characters other than newline and tab"
    return None
