"""docs/security.md shows the matrix that is tested, and each test that it names is there."""

import re
from pathlib import Path

import pytest

from tests.system import security_matrix

ROOT = Path(__file__).resolve().parents[1]


def test_the_page_shows_the_matrix_that_is_tested():
    assert security_matrix.main(["--check"]) == 0


@pytest.mark.parametrize("change", [("| 403 |", "| 200 |"), ("<!-- matrix -->", "")])
def test_a_page_that_says_otherwise_is_noticed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
):
    page = tmp_path / "security.md"
    page.write_text(security_matrix.PAGE.read_text().replace(*change, 1))
    monkeypatch.setattr(security_matrix, "PAGE", page)

    assert security_matrix.main(["--check"]) == 1
    assert "security.md" in capsys.readouterr().err


def test_a_page_that_is_written_again_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "security.md"
    page.write_text("before\n<!-- matrix -->\n<!-- end of matrix -->\nafter\n")
    monkeypatch.setattr(security_matrix, "PAGE", page)

    assert security_matrix.main([]) == 0
    assert security_matrix.main(["--check"]) == 0
    assert page.read_text().startswith("before\n<!-- matrix -->\n| caller sends |")


def test_every_test_that_the_page_names_is_there():
    named = re.findall(r"\]\(\.\./(tests/[^)]+)\)", security_matrix.PAGE.read_text())

    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []
