"""The doctor: names what is missing and what to install, and needs nothing installed itself."""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.operate import doctor

WELL = {
    "make": "GNU Make 4.3",
    "terraform": "Terraform v1.11.4\non linux_amd64",
    "git": "git version 2.39.5",
    "aws": "aws-cli/2.17.0 Python/3.11",
}


def ask(without: str = "", **other: str):
    def answer(command: Sequence[str]) -> str | None:
        return None if command[0] == without else (WELL | other)[command[0]]

    return answer


def missing(findings: Sequence[doctor.Finding]) -> list[str]:
    return [finding.name for finding in findings if finding.advice]


def test_a_machine_that_has_everything_is_well(capsys: pytest.CaptureFixture[str]):
    code = doctor.main(doctor.findings(ask(), system="Linux"))

    assert code == 0
    assert all(line.startswith("ok") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(("tool", "name"), [("make", "GNU make"), ("terraform", "Terraform"), ("git", "git")])
def test_a_missing_tool_is_named_with_where_to_get_it(
    tool: str, name: str, capsys: pytest.CaptureFixture[str]
):
    found = doctor.findings(ask(without=tool), system="Linux")

    code = doctor.main(found)

    assert code == 1
    assert missing(found) == [name]
    assert f"MISSING   {name}" in capsys.readouterr().out


def test_an_old_tool_is_missing_with_the_version_that_is_needed():
    found = doctor.findings(ask(terraform="Terraform v1.9.8"), system="Linux")

    assert [finding.advice[:26] for finding in found if finding.advice] == ["1.11 or newer is needed: h"]


def test_an_old_python_is_not_enough():
    assert missing(doctor.findings(ask(), python=(3, 10), system="Linux")) == ["Python"]


def test_another_system_is_not_enough():
    assert missing(doctor.findings(ask(), system="Windows")) == ["System"]


def test_what_is_optional_makes_nobody_ill():
    assert doctor.main(doctor.findings(ask(without="aws"), system="Linux")) == 0


def test_a_mirror_without_the_provider_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))

    assert missing(doctor.findings(ask(), system="Linux")) == ["TF_PLUGIN_MIRROR"]


def test_a_tool_that_is_not_there_says_nothing():
    assert doctor.run(("no-such-tool-anywhere",)) is None


def test_it_needs_nothing_but_python():
    tree = ast.parse(Path(doctor.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }

    assert imported <= sys.stdlib_module_names
