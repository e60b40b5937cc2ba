"""What speakers may send: the bodies of create and update. The only module that knows pydantic."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.json_schema import SkipJsonSchema

from shared.errors import FieldError, InvalidRequest
from shared.sessions.session import Change, Language, QualityTier, Status

SUPPORTED = {"status": Status, "sourceLanguage": Language, "qualityTier": QualityTier}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Check a decoded JSON object. Raises InvalidRequest, which names every offending field."""
        try:
            return cls.model_validate(body)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
            # Once per field: pydantic tells of every branch of a union.
            raise InvalidRequest(
                *dict.fromkeys(_field_error(str(error["loc"][0]), error["type"]) for error in errors)
            ) from None


class NewSession(_Body):
    """The body of POST /sessions."""

    source_language: Language = Field(alias="sourceLanguage", description="What the speaker speaks.")
    quality_tier: QualityTier = Field(
        QualityTier.STANDARD, alias="qualityTier", description="How good the translation is."
    )


class SessionChange(_Body):
    """The body of PATCH /sessions/{sessionId}: at least one of its fields, and none of them null."""

    # A default factory keeps "default: null" out of the JSON Schema, and SkipJsonSchema the type null.
    status: Status | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, description="Active and paused may follow each other; ended is final."
    )
    source_language: Language | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, alias="sourceLanguage", description="What the speaker speaks."
    )
    quality_tier: QualityTier | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, alias="qualityTier", description="How good the translation is."
    )

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Check a decoded JSON object. Raises InvalidRequest, also when it asks for nothing."""
        if not body.keys() & SUPPORTED.keys():
            nothing = FieldError("body", "No valid updates provided")
            raise InvalidRequest(nothing, *(_field_error(field, "extra_forbidden") for field in body))
        return super().parse(body)

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        # Runs for what was sent only: an absent field stays None, a null one is an error.
        if value is None:
            raise ValueError
        return value

    def change(self) -> Change:
        """The same wish as the domain knows it."""
        return Change(
            status=self.status, source_language=self.source_language, quality_tier=self.quality_tier
        )


def _field_error(field: str, kind: str) -> FieldError:
    """Say a pydantic error type in the sentence that clients know. Values are never echoed."""
    if kind == "missing":
        return FieldError(field, f"{field} is required")
    if kind == "extra_forbidden":
        return FieldError(field, f"{field} is not a known field")
    return FieldError(field, f"Invalid {field}. Supported: {', '.join(SUPPORTED[field])}")
