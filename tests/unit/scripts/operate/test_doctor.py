"""The doctor names what is missing and what to install, and needs nothing but Python itself."""

import ast
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scripts.operate import doctor
from scripts.operate.doctor import Finding

VERSIONS = {
    "make": "GNU Make 4.3",
    "terraform": "Terraform v1.11.4\non linux_amd64",
    "git": "git version 2.39.5",
    "aws": "aws-cli/2.17.0 Python/3.11",
    "apertium": "Apertium 3.8.3",
    "espeak-ng": "eSpeak NG text-to-speech: 1.51  Data at: /usr/lib/espeak-ng-data",
    "lame": "LAME 64bits version 3.100 (http://lame.sf.net)",
}


def check_machine(
    *, without: str = "", python: tuple[int, int] = (3, 11), system: str = "Linux", **versions: str
) -> list[Finding]:
    """Check a machine that has all tools, apart from the arguments."""
    return doctor.check_machine(run(without, VERSIONS | versions), python, system, "x86_64")


def run(without: str, versions: dict[str, str]) -> Callable[[Sequence[str]], str | None]:
    return lambda command: None if command[0] == without else versions[command[0]]


def missing(findings: Sequence[Finding]) -> list[str]:
    return [finding.name for finding in findings if finding.advice]


def test_a_machine_with_all_tools_is_ok(capsys: pytest.CaptureFixture[str]):
    code = doctor.main(check_machine())

    assert code == 0
    assert all(line.startswith("ok") for line in capsys.readouterr().out.splitlines())


def test_the_tested_pythons_and_machines_are_printed(capsys: pytest.CaptureFixture[str]):
    doctor.main(check_machine())

    system, python, *_ = capsys.readouterr().out.splitlines()
    assert system.endswith("(tested on x86_64 Linux; arm64 Linux builds but was not tested)")
    assert python.endswith("(tested with 3.11, 3.12 and 3.13)")


@pytest.mark.parametrize(("tool", "name"), [("make", "GNU make"), ("terraform", "Terraform"), ("git", "git")])
def test_a_missing_tool_is_named_with_where_to_get_it(
    tool: str, name: str, capsys: pytest.CaptureFixture[str]
):
    findings = check_machine(without=tool)

    code = doctor.main(findings)

    assert code == 1
    assert missing(findings) == [name]
    assert f"MISSING   {name}" in capsys.readouterr().out


def test_an_old_tool_is_reported_with_the_version_that_is_needed():
    findings = check_machine(terraform="Terraform v1.9.8")

    assert [finding.advice[:26] for finding in findings if finding.advice] == ["1.11 or newer is needed: h"]


@pytest.mark.parametrize("python", [(3, 10), (3, 14)])
def test_a_python_that_make_does_not_accept_is_reported(python: tuple[int, int]):
    assert missing(check_machine(python=python)) == ["Python"]


def test_an_unsupported_system_is_reported():
    assert missing(check_machine(system="Windows")) == ["System"]


def test_a_missing_optional_tool_is_no_failure():
    assert doctor.main(check_machine(without="aws")) == 0


def test_a_mirror_without_the_provider_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path))

    assert missing(check_machine()) == ["TF_PLUGIN_MIRROR"]


def test_a_command_that_does_not_exist_has_no_output():
    assert doctor.run_command(("no-such-tool-anywhere",)) is None


def test_the_doctor_imports_only_the_standard_library():
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
