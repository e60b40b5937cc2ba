"""Settings: Terraform sets exactly those that each handler reads, and a missing one fails the load."""

import ast
import re
from pathlib import Path

import pytest

from scripts.project import ROOT
from shared.settings import SettingError
from tests.support.handlers import SETTINGS, load_handler


def settings_of(handler: Path) -> set[str]:
    """Return the names that a handler passes to shared.settings."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(handler.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "settings"
        and isinstance(node.args[0], ast.Constant)
    }


SETTINGS_READ = {path.parent.name: settings_of(path) for path in sorted(ROOT.glob("functions/*/handler.py"))}


def test_terraform_sets_exactly_what_each_handler_reads():
    table = (ROOT / "terraform" / "functions.tf").read_text()
    declared = {
        name: set(re.findall(r"^ +([A-Z_]+) += ", environment, re.MULTILINE))
        for name, environment in re.findall(
            r"^    (\w+) = \{$.*?^      environment = \{$(.*?)^      \}$", table, re.MULTILINE | re.DOTALL
        )
    }

    assert declared == SETTINGS_READ


@pytest.mark.parametrize("function", SETTINGS_READ)
def test_a_handler_loads_with_its_own_settings_alone(function: str):
    settings = {name: SETTINGS[name] for name in SETTINGS_READ[function]}

    assert callable(load_handler(function, settings).handler)


@pytest.mark.parametrize(
    ("function", "missing"),
    [(function, name) for function in SETTINGS_READ for name in sorted(SETTINGS_READ[function])],
)
def test_a_handler_without_one_of_its_settings_fails_to_load_and_names_it(function: str, missing: str):
    settings = {name: SETTINGS[name] for name in SETTINGS_READ[function] - {missing}}

    with pytest.raises(SettingError, match=f"^{missing} is not set$"):
        load_handler(function, settings)


def test_an_empty_setting_counts_as_missing():
    with pytest.raises(SettingError, match=r"^SESSIONS_TABLE is not set$"):
        load_handler("get_session", {"SESSIONS_TABLE": ""})


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_session_ids_may_have_three_six_or_nine_digits(digits: int):
    handler = load_handler("create_session", SETTINGS | {"SESSION_ID_DIGITS": str(digits)})

    assert handler.create_session._digits == digits


@pytest.mark.parametrize("text", ["0", "1", "4", "12", "03", " 3", "3.0", "three", "-3", "\u0663"])
def test_a_handler_with_another_number_of_digits_fails_to_load(text: str):
    with pytest.raises(SettingError, match=r"^SESSION_ID_DIGITS is .* Supported: 3, 6, 9$"):
        load_handler("create_session", SETTINGS | {"SESSION_ID_DIGITS": text})
