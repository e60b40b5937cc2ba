"""What speakers may send: every offending field is named, in the sentences that clients know."""

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

WRONG = [
    "EN", " en", "en ", "e n", "eng", "e", "", "en\n", "xx", "en-GB",
    None, [], ["en"], {}, {"en": 1}, 0, 1, 1.5, True, False, "\ud800", "x" * 4000,
]  # fmt: skip


def offences(model: type[NewSession | SessionChange], body: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        model.parse(body)
    assert str(refused.value) == refused.value.fields[0].message
    assert all(isinstance(field, FieldError) for field in refused.value.fields)
    return [tuple(field) for field in refused.value.fields]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("tier", QualityTier)
def test_every_language_and_tier_can_be_asked_for(language: str, tier: str):
    wanted = NewSession.parse({"sourceLanguage": str(language), "qualityTier": str(tier)})

    assert (wanted.source_language, wanted.quality_tier) == (language, tier)


def test_the_tier_is_standard_unless_said():
    assert NewSession.parse({"sourceLanguage": "en"}).quality_tier is QualityTier.STANDARD


def test_a_language_is_required():
    assert offences(NewSession, {}) == [("sourceLanguage", "sourceLanguage is required")]


@pytest.mark.parametrize("value", WRONG, ids=ascii)
def test_a_language_that_is_none_of_ours_is_refused(value: object):
    assert offences(NewSession, {"sourceLanguage": value}) == [("sourceLanguage", LANGUAGE)]
    assert offences(SessionChange, {"sourceLanguage": value}) == [("sourceLanguage", LANGUAGE)]


@pytest.mark.parametrize("value", ["Standard", "gold", "", None, [], {}, 1, True], ids=ascii)
def test_a_tier_that_is_none_of_ours_is_refused(value: object):
    assert offences(NewSession, {"sourceLanguage": "en", "qualityTier": value}) == [("qualityTier", TIER)]
    assert offences(SessionChange, {"qualityTier": value}) == [("qualityTier", TIER)]


@pytest.mark.parametrize("value", ["Active", "deleted", "", None, [], {}, 1, True], ids=ascii)
def test_a_status_that_is_none_of_ours_is_refused(value: object):
    assert offences(SessionChange, {"status": value}) == [("status", STATUS)]


def test_every_offending_field_of_a_new_session_is_named():
    body = {"qualityTier": None, "speakerId": "me", "sessionId": "holy-psalm-100"}

    assert set(offences(NewSession, body)) == {
        ("sourceLanguage", "sourceLanguage is required"),
        ("qualityTier", TIER),
        ("speakerId", "speakerId is not a known field"),
        ("sessionId", "sessionId is not a known field"),
    }


def test_every_offending_field_of_a_change_is_named():
    body = {"status": "stopped", "sourceLanguage": "EN", "qualityTier": 7, "expiresAt": 9_999_999_999}

    assert set(offences(SessionChange, body)) == {
        ("status", STATUS),
        ("sourceLanguage", LANGUAGE),
        ("qualityTier", TIER),
        ("expiresAt", "expiresAt is not a known field"),
    }


@pytest.mark.parametrize("name", ["source_language", "sourcelanguage", "sourceLanguage ", "status", "", "0"])
def test_a_field_has_one_name_only(name: str):
    assert offences(NewSession, {"sourceLanguage": "en", name: "en"}) == [
        (name, f"{name} is not a known field")
    ]


def test_a_change_of_nothing_is_refused():
    assert offences(SessionChange, {}) == [("body", "No valid updates provided")]


def test_a_change_of_unknown_fields_alone_names_them():
    assert offences(SessionChange, {"listenerCount": 0}) == [
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
def test_a_change_asks_for_what_was_sent_and_no_more(body: dict[str, str], patch: SessionPatch):
    assert SessionChange.parse(body).to_patch() == patch


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)
FIELDS = st.sampled_from(["sourceLanguage", "qualityTier", "status"]) | st.text()


@given(st.dictionaries(FIELDS, JSON | st.sampled_from(["en", "premium", "paused"]), max_size=4))
def test_any_json_object_is_understood_or_refused(body: dict[str, Any]):
    for model in (NewSession, SessionChange):
        try:
            wanted = model.parse(body)
        except InvalidRequest as refused:
            named = {field for field, _ in refused.fields}
        else:
            named = set()
            assert wanted.model_dump(by_alias=True, exclude_unset=True) == body
        assert named <= {*body, "sourceLanguage", "body"}
