"""Request bodies of create and update. The only module that imports pydantic."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.json_schema import SkipJsonSchema

from shared.errors import FieldError, InvalidRequest
from shared.sessions.session import Language, QualityTier, SessionPatch, Status

SUPPORTED = {"status": Status, "sourceLanguage": Language, "qualityTier": QualityTier}


class _RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Validate a decoded JSON object. Raises InvalidRequest, which lists every invalid field."""
        try:
            return cls.model_validate(body)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
            # Once per field: pydantic reports every branch of a union.
            raise InvalidRequest(
                *dict.fromkeys(_field_error(str(error["loc"][0]), error["type"]) for error in errors)
            ) from None


class NewSession(_RequestBody):
    """The body of POST /sessions."""

    source_language: Language = Field(alias="sourceLanguage", description="What the speaker speaks.")
    quality_tier: QualityTier = Field(
        QualityTier.STANDARD,
        alias="qualityTier",
        description="What listeners get; `standard` if it is absent.",
    )


class SessionChange(_RequestBody):
    """The body of PATCH /sessions/{sessionId}: at least one of its fields, and none of them null."""

    # A default factory keeps "default: null" out of the JSON Schema, and SkipJsonSchema the type null.
    status: Status | SkipJsonSchema[None] = Field(
        default_factory=lambda: None,
        description="active and paused can change into each other; ended is final.",
    )
    source_language: Language | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, alias="sourceLanguage", description="What the speaker speaks."
    )
    quality_tier: QualityTier | SkipJsonSchema[None] = Field(
        default_factory=lambda: None, alias="qualityTier", description="How good the translation is."
    )

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Validate a decoded JSON object. Raises InvalidRequest, also when it changes nothing."""
        if not body.keys() & SUPPORTED.keys():
            nothing = FieldError("body", "No valid updates provided")
            raise InvalidRequest(nothing, *(_field_error(field, "extra_forbidden") for field in body))
        return super().parse(body)

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: object) -> object:
        # Runs only for fields that were sent: an absent field stays None, a null one is an error.
        if value is None:
            raise ValueError
        return value

    def to_patch(self) -> SessionPatch:
        """Return the patch of the domain."""
        return SessionPatch(
            status=self.status, source_language=self.source_language, quality_tier=self.quality_tier
        )


def _field_error(field: str, kind: str) -> FieldError:
    """Return the documented sentence of a pydantic error type; values are never echoed."""
    if kind == "missing":
        return FieldError(field, f"{field} is required")
    if kind == "extra_forbidden":
        return FieldError(field, f"{field} is not a known field")
    return FieldError(field, f"Invalid {field}. Supported: {', '.join(SUPPORTED[field])}")
