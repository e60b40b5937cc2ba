"""Settings: what is missing fails at start, by its name; what waits fits into the function's time."""

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from botocore.config import Config

from shared import wiring
from shared.aws.dynamodb import BRIEF, PATIENT
from shared.events.api_gateway import now_ms
from shared.sessions.service import CLASH_TRIES_MS
from shared.settings import SettingError
from tests.support.websocket_handlers import SETTINGS as WEBSOCKET_VALUES
from tests.support.wirings import forget_what_is_built

FUNCTION_TIMEOUT_S = 10
SETTINGS = {
    "create_session": {
        "ENV",
        "SESSIONS_TABLE",
        "SESSION_ID_DIGITS",
        "RATE_LIMITS_TABLE",
        "SESSIONS_PER_SPEAKER_PER_HOUR",
    },
    "get_session": {"ENV", "SESSIONS_TABLE"},
    "list_sessions": {"SESSIONS_TABLE", "CURSOR_KEY"},
    "update_session": {"ENV", "SESSIONS_TABLE"},
    "delete_session": {"ENV", "SESSIONS_TABLE"},
    "health": {"ENV", "SESSIONS_TABLE", "VERSION"},
    "authorize_connection": {"USER_POOL_ID", "USER_POOL_CLIENT_ID"},
    "connect_session": {
        "ENV",
        "SESSIONS_TABLE",
        "CONNECTIONS_TABLE",
        "RATE_LIMITS_TABLE",
        "JOINS_PER_ADDRESS_PER_MINUTE",
        "MAX_LISTENERS",
        "ADDRESS_KEY",
    },
    "disconnect_session": {"CONNECTIONS_TABLE"},
    "session_changed": {"SESSIONS_TABLE", "CONNECTIONS_TABLE", "WEBSOCKET_ENDPOINT"},
    "connections_changed": {"ENV", "SESSIONS_TABLE", "CONNECTIONS_TABLE", "WEBSOCKET_ENDPOINT"},
}
VALUES = {**WEBSOCKET_VALUES, "VERSION": "0.1.0"}


@pytest.fixture(autouse=True)
def nothing_built_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VALUES:
        monkeypatch.delenv(name, raising=False)
    forget_what_is_built()
    yield
    forget_what_is_built()


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, set[str]], ModuleType]:
    """Return a way to import a function's handler anew, with these settings alone."""

    def start(function: str, settings: set[str]) -> ModuleType:
        module = f"functions.{function}.handler"
        monkeypatch.delitem(sys.modules, module, raising=False)
        for name in settings:
            monkeypatch.setenv(name, VALUES[name])
        return importlib.import_module(module)

    return start


@pytest.mark.parametrize("function", SETTINGS)
def test_a_function_starts_with_its_own_settings_alone(
    start: Callable[[str, set[str]], ModuleType], function: str
):
    assert callable(start(function, SETTINGS[function]).handler)


@pytest.mark.parametrize(
    ("function", "missing"),
    [(function, name) for function in SETTINGS for name in sorted(SETTINGS[function])],
)
def test_a_missing_setting_fails_at_start_by_its_name(
    start: Callable[[str, set[str]], ModuleType], function: str, missing: str
):
    with pytest.raises(SettingError, match=f"^{missing} is not set$"):
        start(function, SETTINGS[function] - {missing})


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
    assert 1_700_000_000_000 < now_ms() < 4_000_000_000_000


def test_the_slowest_answers_of_dynamodb_fit_into_the_functions_time():
    # The rate limit first, then candidates until it is too late for another one, then that one.
    slowest_s = one_call_s(BRIEF) + CLASH_TRIES_MS / 1000 + one_call_s(PATIENT)

    assert slowest_s < FUNCTION_TIMEOUT_S


def one_call_s(config: Config) -> float:
    assert config.retries["mode"] == "standard"
    attempts = config.retries["total_max_attempts"]
    # Standard mode waits at most 1, 2, 4 ... s (20 at most) before each further attempt.
    waits = sum(min(2**retry, 20) for retry in range(attempts - 1))
    return attempts * (config.connect_timeout + config.read_timeout) + waits
