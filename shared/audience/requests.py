"""Messages of clients about their own connection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.audience.connection import read_target_language
from shared.sessions.session import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageChange:
    """The message `changeLanguage`. Unknown fields are ignored, because older clients send more."""

    target_language: Language

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate decoded values. Raises InvalidRequest."""
        return cls(target_language=read_target_language(values.get("targetLanguage")))
