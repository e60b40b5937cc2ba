"""Apertium is used where it is installed, and its absence or failure is no error."""

import asyncio
import contextlib
import os
import stat
from pathlib import Path

import pytest

from scripts.local.aws import apertium, programs
from scripts.local.aws.apertium import Apertium
from tests.support.eventually import eventually

LISTS = """#!/bin/sh
if [ "$1" = -l ]; then printf '  eng-spa\\n  en-ca\\n  swe-nor\\n'; exit; fi
"""
PRINTS_CALL = LISTS + """printf '%s %s: ' "$1" "$2"; cat"""


@pytest.fixture(autouse=True)
def _no_apertium_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")


def install(folder: Path, script: str) -> Apertium:
    """Install a program of the name; return what is found."""
    program = folder / "apertium"
    program.write_text(script)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return apertium.find()


def translate(engine: Apertium, source: str, target: str, text: str = "Hello") -> str | None:
    return asyncio.run(engine.translate(text, source, target))


def test_without_apertium_there_are_no_pairs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))

    engine = apertium.find()

    assert engine.directions == frozenset()
    assert translate(engine, "en", "es") is None


@pytest.mark.parametrize(
    ("source", "target", "result"),
    [
        ("en", "es", "-u eng-spa: Hello"),
        ("en", "ca", "-u en-ca: Hello"),
        ("sv", "no", "-u swe-nor: Hello"),
        ("es", "en", None),
        ("en", "fr", None),
        ("xx", "yy", None),
    ],
)
def test_an_installed_pair_translates(tmp_path: Path, source: str, target: str, result: str | None):
    engine = install(tmp_path, PRINTS_CALL)

    assert engine.directions == {"eng-spa", "en-ca", "swe-nor"}
    assert translate(engine, source, target) == result


def test_text_is_passed_in_utf_8(tmp_path: Path):
    engine = install(tmp_path, PRINTS_CALL)

    assert translate(engine, "en", "es", "¿Qué? 你好\nsí") == "-u eng-spa: ¿Qué? 你好\nsí"


@pytest.mark.parametrize("script", ["exit 1", "printf ''", "printf 'part'; exit 3"])
def test_a_pair_that_fails_translates_nothing(tmp_path: Path, script: str):
    assert translate(install(tmp_path, LISTS + script), "en", "es") is None


def test_a_pair_that_does_not_end_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(programs, "TIMEOUT_SECONDS", 0.5)
    seconds = f"1000.{os.getpid()}{int(tmp_path.stat().st_ino)}"
    engine = install(tmp_path, f"{LISTS}sleep {seconds} & wait")

    assert translate(engine, "en", "es") is None
    eventually(lambda: not running_with(seconds))


def running_with(argument: str) -> list[Path]:
    """Return the processes that have been started with an argument."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [command] if argument in command.read_text() else []
    return found
