"""Settings: what is missing or wrong fails by its name."""

import pytest

from shared.settings import SettingError, number, text


def test_a_setting_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ENV", "dev")

    assert text("ENV") == "dev"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_fails_by_its_name(monkeypatch: pytest.MonkeyPatch, value: str | None):
    monkeypatch.delenv("MAX_LISTENERS", raising=False)
    if value is not None:
        monkeypatch.setenv("MAX_LISTENERS", value)

    for read in (text, number):
        with pytest.raises(SettingError, match=r"^MAX_LISTENERS is not set$"):
            read("MAX_LISTENERS")


@pytest.mark.parametrize(("value", "expected"), [("0", 0), ("500", 500)])
def test_a_number_is_read_as_one(monkeypatch: pytest.MonkeyPatch, value: str, expected: int):
    monkeypatch.setenv("MAX_LISTENERS", value)

    assert number("MAX_LISTENERS") == expected


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", " 5", "five", "\u0663", "²", "9" * 30, "true", "007"])
def test_what_is_no_number_fails_by_its_name(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("MAX_LISTENERS", value)

    with pytest.raises(SettingError, match=r"^MAX_LISTENERS is '.*'\. Supported: "):
        number("MAX_LISTENERS")


def test_a_number_that_is_not_supported_fails_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SESSION_ID_DIGITS", "4")

    with pytest.raises(SettingError, match=r"^SESSION_ID_DIGITS is '4'\. Supported: 3, 6, 9$"):
        number("SESSION_ID_DIGITS", supported=(3, 6, 9))
