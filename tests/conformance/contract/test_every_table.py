"""Whether the emulator runs the contract tests of every table."""

from pathlib import Path

from scripts.project import ROOT


def test_every_contract_test_has_its_file_here():
    here = {file.name for file in Path(__file__).parent.glob("test_*.py")}

    assert {file.name for file in (ROOT / "tests/contract").glob("test_*.py")} <= here
