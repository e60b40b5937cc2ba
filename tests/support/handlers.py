"""The functions' handler modules, imported as Lambda imports them: with their settings in the environment."""

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest

from tests.support.audio import AUDIO_STREAM
from tests.support.http_events import CREATE, DELETE, GET, HEALTH, LIST, LIST_CAPTIONS, UPDATE
from tests.support.tables import (
    AUDIENCES_TABLE,
    CAPTIONS_TABLE,
    CONNECTIONS_TABLE,
    IDEMPOTENCY_KEYS_TABLE,
    LIVE_CAPTIONS_TABLE,
    RATE_LIMITS_TABLE,
    SESSIONS_TABLE,
)
from tests.support.use_cases import SessionUseCases

FUNCTIONS = {
    CREATE: "create_session",
    LIST: "list_sessions",
    GET: "get_session",
    UPDATE: "update_session",
    DELETE: "delete_session",
    LIST_CAPTIONS: "list_captions",
    HEALTH: "health",
}
"""The function of each HTTP route."""

ADDRESS_KEY = "address-k3y-of-the-tests"
SETTINGS = {
    "ENV": "test",
    "VERSION": "0.1.0+0123456789ab",
    "SESSIONS_TABLE": SESSIONS_TABLE,
    "CONNECTIONS_TABLE": CONNECTIONS_TABLE,
    "AUDIENCES_TABLE": AUDIENCES_TABLE,
    "IDEMPOTENCY_KEYS_TABLE": IDEMPOTENCY_KEYS_TABLE,
    "RATE_LIMITS_TABLE": RATE_LIMITS_TABLE,
    "LIVE_CAPTIONS_TABLE": LIVE_CAPTIONS_TABLE,
    "CAPTIONS_TABLE": CAPTIONS_TABLE,
    "AUDIO_STREAM": AUDIO_STREAM,
    "VOICE_BUCKET": "session-service-test-voice-123456789012",
    "SESSION_ID_DIGITS": "3",
    "SESSIONS_PER_SPEAKER_PER_HOUR": "50",
    "JOINS_PER_ADDRESS_PER_MINUTE": "10",
    "MAX_LISTENERS": "500",
    "SPEAKER_ABSENT_MINUTES": "120",
    "MAX_LANGUAGES": "19",
    "CAPTION_CHARACTERS_PER_MINUTE": "2000",
    "ADDRESS_KEY": ADDRESS_KEY,
    "CURSOR_KEY": "cursor-k3y-of-the-tests",
    "CURSOR_KEY_PREVIOUS": "cursor-k3y-before-the-tests",
    "CURSOR_KEY_NEXT": "cursor-k3y-after-the-tests",
    "WEBSOCKET_ENDPOINT": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/ws",
    "USER_POOL_ID": "eu-west-1_AbCdEfGhI",
    "USER_POOL_CLIENT_ID": "3n4b5urk1ft4fl3mg5e62d9ado",
}
LAMBDA_CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


def load_handler(function: str, settings: Mapping[str, str] | None = None) -> ModuleType:
    """Import the function's handler module again, with only these settings (default: SETTINGS)."""
    module = f"functions.{function}.handler"
    settings = SETTINGS if settings is None else settings
    with pytest.MonkeyPatch.context() as environment:
        for name in SETTINGS:
            environment.delenv(name, raising=False)
        for name, value in settings.items():
            environment.setenv(name, value)
        sys.modules.pop(module, None)
        return importlib.import_module(module)


def replace_use_cases(
    patch: pytest.MonkeyPatch, handlers: Mapping[str, ModuleType], use_cases: SessionUseCases
) -> None:
    """Make the handler modules, by route, call these use cases."""
    for route, use_case in (
        (CREATE, use_cases.create),
        (GET, use_cases.get),
        (UPDATE, use_cases.update),
        (DELETE, use_cases.delete),
    ):
        if route in handlers:
            patch.setattr(handlers[route], FUNCTIONS[route], use_case)
