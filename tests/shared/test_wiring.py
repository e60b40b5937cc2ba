"""Settings: what is missing fails at start, by its name; what waits fits into the function's time."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared import wiring
from shared.sessions.service import CLASH_TRIES_MS
from shared.wiring import DYNAMODB, SettingError

FUNCTION_TIMEOUT_S = 10
SETTINGS = {
    "create_session": {"ENV", "SESSIONS_TABLE", "SESSION_ID_DIGITS"},
    "get_session": {"ENV", "SESSIONS_TABLE"},
    "update_session": {"ENV", "SESSIONS_TABLE"},
    "delete_session": {"ENV", "SESSIONS_TABLE"},
    "health": {"ENV", "SESSIONS_TABLE", "VERSION"},
}
VALUES = {"ENV": "test", "SESSIONS_TABLE": "sessions", "SESSION_ID_DIGITS": "3", "VERSION": "0.1.0"}


@pytest.fixture(autouse=True)
def nothing_built_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)
    wiring.store.cache_clear()
    wiring.sessions.cache_clear()
    yield
    wiring.store.cache_clear()
    wiring.sessions.cache_clear()


def start(function: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Import a function's handler in a process of its own, with these settings alone."""
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-c", f"import functions.{function}.handler"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ".", **aws, **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("function", SETTINGS)
def test_a_function_starts_with_its_own_settings_alone(function: str):
    started = start(function, {name: VALUES[name] for name in SETTINGS[function]})

    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    ("function", "missing"),
    [(function, name) for function in SETTINGS for name in sorted(SETTINGS[function])],
)
def test_a_missing_setting_fails_at_start_by_its_name(function: str, missing: str):
    started = start(function, {name: VALUES[name] for name in SETTINGS[function] - {missing}})

    assert started.returncode != 0
    assert f"SettingError: {missing} is not set" in started.stderr


def test_an_empty_setting_is_a_missing_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SESSIONS_TABLE", "")

    with pytest.raises(SettingError, match=r"^SESSIONS_TABLE is not set$"):
        wiring.store()


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_ids_have_three_six_or_nine_digits(monkeypatch: pytest.MonkeyPatch, digits: int):
    monkeypatch.setenv("SESSION_ID_DIGITS", str(digits))

    assert wiring.session_id_digits() == digits


@pytest.mark.parametrize("text", ["0", "1", "4", "12", "03", " 3", "3.0", "three", "-3", "\u0663"])
def test_any_other_number_of_digits_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("SESSION_ID_DIGITS", text)

    with pytest.raises(SettingError, match=r"^SESSION_ID_DIGITS is .* Supported: 3, 6, 9$"):
        wiring.session_id_digits()


def test_the_objects_are_built_once(monkeypatch: pytest.MonkeyPatch):
    for name, value in VALUES.items():
        monkeypatch.setenv(name, value)

    assert wiring.sessions() is wiring.sessions()
    assert wiring.store() is wiring.store()


def test_now_is_in_epoch_milliseconds():
    assert 1_700_000_000_000 < wiring.now_ms() < 4_000_000_000_000


def test_the_slowest_answer_of_dynamodb_fits_into_the_functions_time():
    attempts = DYNAMODB.retries["total_max_attempts"]
    # Standard mode waits at most 1, 2, 4 ... s (20 at most) before each further attempt.
    waits = sum(min(2**retry, 20) for retry in range(attempts - 1))
    one_call_s = attempts * (DYNAMODB.connect_timeout + DYNAMODB.read_timeout) + waits

    assert DYNAMODB.retries["mode"] == "standard"
    assert CLASH_TRIES_MS / 1000 + one_call_s < FUNCTION_TIMEOUT_S
