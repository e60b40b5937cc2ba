"""espeak-ng is used where it and LAME are installed, and its absence or failure is no error."""

import asyncio
import os
import stat
from pathlib import Path

import pytest

from scripts.local.aws import espeak, programs
from scripts.local.aws.espeak import Espeak
from tests.support.eventually import eventually
from tests.unit.scripts.local.aws.test_apertium import running_with

PRINTS_CALL = "printf '%s: ' \"$*\"; cat"


@pytest.fixture(autouse=True)
def _no_espeak_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")


def install(folder: Path, **programs: str) -> Espeak:
    """Install programs of these names, `_` for `-`; return what is found."""
    for name, script in programs.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return espeak.find()


def speak(engine: Espeak, text: str = "Hola", language: str = "es-ES") -> bytes | None:
    return asyncio.run(engine.speak(text, language))


@pytest.mark.parametrize("programs", [{}, {"espeak_ng": PRINTS_CALL}, {"lame": PRINTS_CALL}])
def test_without_both_programs_nothing_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = install(tmp_path, **programs)

    assert not engine.installed
    assert speak(engine) is None


@pytest.mark.parametrize(
    ("language", "voice"),
    [("es-ES", "es"), ("pt-BR", "pt-br"), ("cmn-CN", "cmn"), ("nb-NO", "nb"), ("ar-AE", "ar"), ("arb", "ar")],
)
def test_the_text_is_spoken_in_its_language_and_made_mp3(tmp_path: Path, language: str, voice: str):
    engine = install(tmp_path, espeak_ng=PRINTS_CALL, lame=PRINTS_CALL)

    assert engine.installed
    spoken = speak(engine, "¿Qué? 你好", language)
    assert spoken == f"--quiet - -: -v {voice} --stdin --stdout: ¿Qué? 你好".encode()


@pytest.mark.parametrize(
    "programs",
    [
        {"espeak_ng": "exit 1", "lame": "exit 1"},
        {"espeak_ng": "printf x", "lame": "cat >/dev/null; exit 3"},
        {"espeak_ng": "exit 0", "lame": "cat"},
    ],
    ids=["both fail", "LAME fails", "no output"],
)
def test_what_fails_speaks_nothing(tmp_path: Path, programs: dict[str, str]):
    assert speak(install(tmp_path, **programs)) is None


def test_what_does_not_end_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(programs, "TIMEOUT_SECONDS", 0.5)
    seconds = f"1000.{os.getpid()}{int(tmp_path.stat().st_ino)}"
    engine = install(tmp_path, espeak_ng=f"sleep {seconds} & wait", lame="cat")

    assert speak(engine) is None
    eventually(lambda: not running_with(seconds))
