"""Settings: the error for a missing or unsupported value names the environment variable."""

from collections.abc import Sequence

import pytest

from shared.settings import SettingError, number, text


def test_a_text_is_the_value_of_the_environment_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ENV", "dev")

    assert text("ENV") == "dev"


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str | None):
    monkeypatch.delenv("MAX_LISTENERS", raising=False)
    if value is not None:
        monkeypatch.setenv("MAX_LISTENERS", value)

    for read in (text, number):
        with pytest.raises(SettingError, match=r"^MAX_LISTENERS is not set$"):
            read("MAX_LISTENERS")


@pytest.mark.parametrize(("value", "expected"), [("0", 0), ("500", 500), ("999999999", 999_999_999)])
def test_a_number_is_converted(monkeypatch: pytest.MonkeyPatch, value: str, expected: int):
    monkeypatch.setenv("MAX_LISTENERS", value)

    assert number("MAX_LISTENERS") == expected


@pytest.mark.parametrize(
    "value", ["-1", "1.5", "1e3", " 5", "five", "\u0663", "²", "9" * 30, "1000000000", "true", "007"]
)
def test_a_value_that_is_not_a_whole_number_is_an_error(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("MAX_LISTENERS", value)

    with pytest.raises(SettingError, match=r"^MAX_LISTENERS is '.*'\. Supported: 0 to 999999999$"):
        number("MAX_LISTENERS")


@pytest.mark.parametrize(
    ("supported", "sentence"),
    [((3, 6, 9), "Supported: 3, 6, 9"), (range(1, 4), "Supported: 1 to 3")],
)
def test_a_number_that_is_not_supported_is_an_error(
    monkeypatch: pytest.MonkeyPatch, supported: Sequence[int], sentence: str
):
    monkeypatch.setenv("SESSION_ID_DIGITS", "4")

    with pytest.raises(SettingError, match=rf"^SESSION_ID_DIGITS is '4'\. {sentence}$"):
        number("SESSION_ID_DIGITS", supported=supported)
