"""Request bodies: every invalid field is reported, in the documented sentences."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FieldError, InvalidRequest
from shared.sessions.requests import NewSession, SessionChange
from shared.sessions.session import Language, QualityTier, SessionPatch, Status

LANGUAGE = (
    "Invalid sourceLanguage. Supported: "
    "en, es, fr, de, it, pt, ru, ja, ko, zh, ar, hi, nl, pl, tr, sv, da, no, fi"
)
TIER = "Invalid qualityTier. Supported: standard, premium"
STATUS = "Invalid status. Supported: active, paused, ended"

INVALID_LANGUAGES = [
    "EN", " en", "en ", "e n", "eng", "e", "", "en\n", "xx", "en-GB",
    None, [], ["en"], {}, {"en": 1}, 0, 1, 1.5, True, False, "\ud800", "x" * 4000,
]  # fmt: skip


def field_errors(model: type[NewSession | SessionChange], body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as error:
        model.parse(body)
    assert str(error.value) == error.value.fields[0].message
    assert all(isinstance(field, FieldError) for field in error.value.fields)
    return [tuple(field) for field in error.value.fields]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("tier", QualityTier)
def test_every_language_and_tier_is_supported(language: str, tier: str):
    request = NewSession.parse({"sourceLanguage": str(language), "qualityTier": str(tier)})

    assert (request.source_language, request.quality_tier) == (language, tier)


def test_the_default_tier_is_standard():
    assert NewSession.parse({"sourceLanguage": "en"}).quality_tier is QualityTier.STANDARD


def test_a_language_is_required():
    assert field_errors(NewSession, {}) == [("sourceLanguage", "sourceLanguage is required")]


@pytest.mark.parametrize("value", INVALID_LANGUAGES, ids=ascii)
def test_an_unsupported_language_is_rejected(value: object):
    assert field_errors(NewSession, {"sourceLanguage": value}) == [("sourceLanguage", LANGUAGE)]
    assert field_errors(SessionChange, {"sourceLanguage": value}) == [("sourceLanguage", LANGUAGE)]


@pytest.mark.parametrize("value", ["Standard", "gold", "", None, [], {}, 1, True], ids=ascii)
def test_an_unsupported_tier_is_rejected(value: object):
    assert field_errors(NewSession, {"sourceLanguage": "en", "qualityTier": value}) == [("qualityTier", TIER)]
    assert field_errors(SessionChange, {"qualityTier": value}) == [("qualityTier", TIER)]


@pytest.mark.parametrize("value", ["Active", "deleted", "", None, [], {}, 1, True], ids=ascii)
def test_an_unsupported_status_is_rejected(value: object):
    assert field_errors(SessionChange, {"status": value}) == [("status", STATUS)]


def test_every_invalid_field_of_a_new_session_is_reported():
    body = {"qualityTier": None, "speakerId": "me", "sessionId": "holy-psalm-100"}

    assert set(field_errors(NewSession, body)) == {
        ("sourceLanguage", "sourceLanguage is required"),
        ("qualityTier", TIER),
        ("speakerId", "speakerId is not a known field"),
        ("sessionId", "sessionId is not a known field"),
    }


def test_every_invalid_field_of_a_change_is_reported():
    body = {"status": "stopped", "sourceLanguage": "EN", "qualityTier": 7, "expiresAt": 9_999_999_999}

    assert set(field_errors(SessionChange, body)) == {
        ("status", STATUS),
        ("sourceLanguage", LANGUAGE),
        ("qualityTier", TIER),
        ("expiresAt", "expiresAt is not a known field"),
    }


@pytest.mark.parametrize("name", ["source_language", "sourcelanguage", "sourceLanguage ", "status", "", "0"])
def test_a_field_has_exactly_one_spelling(name: str):
    assert field_errors(NewSession, {"sourceLanguage": "en", name: "en"}) == [
        (name, f"{name} is not a known field")
    ]


def test_an_empty_change_is_rejected():
    assert field_errors(SessionChange, {}) == [("body", "No valid updates provided")]


def test_a_change_of_unknown_fields_only_is_rejected_with_their_names():
    assert field_errors(SessionChange, {"listenerCount": 0}) == [
        ("body", "No valid updates provided"),
        ("listenerCount", "listenerCount is not a known field"),
    ]


@pytest.mark.parametrize(
    ("body", "patch"),
    [
        ({"status": "paused"}, SessionPatch(status=Status.PAUSED)),
        ({"sourceLanguage": "zh"}, SessionPatch(source_language=Language.CHINESE)),
        ({"qualityTier": "premium"}, SessionPatch(quality_tier=QualityTier.PREMIUM)),
        (
            {"status": "ended", "sourceLanguage": "no", "qualityTier": "standard"},
            SessionPatch(
                status=Status.ENDED, source_language=Language.NORWEGIAN, quality_tier=QualityTier.STANDARD
            ),
        ),
    ],
)
def test_a_change_patches_only_the_fields_that_were_sent(body: dict[str, str], patch: SessionPatch):
    assert SessionChange.parse(body).to_patch() == patch


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
FIELDS = st.sampled_from(["sourceLanguage", "qualityTier", "status"]) | st.text()


@given(st.dictionaries(FIELDS, JSON | st.sampled_from(["en", "premium", "paused"]), max_size=4))
def test_any_json_object_is_valid_or_rejected_with_its_invalid_fields(body: dict[str, Any]):
    for model in (NewSession, SessionChange):
        try:
            request = model.parse(body)
        except InvalidRequest as error:
            invalid = {field for field, _ in error.fields}
        else:
            invalid = set()
            assert request.model_dump(by_alias=True, exclude_unset=True) == body
        assert invalid <= {*body, "sourceLanguage", "body"}
