"""docs/security.md shows the matrix that is tested."""

from pathlib import Path

import pytest

from tests.system import security_matrix


def test_the_page_shows_the_matrix_that_is_tested():
    assert security_matrix.main(["--check"]) == 0


def test_a_page_that_says_otherwise_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "security.md"
    page.write_text(security_matrix.PAGE.read_text().replace("| 403 |", "| 200 |", 1))
    monkeypatch.setattr(security_matrix, "PAGE", page)

    assert security_matrix.main(["--check"]) == 1
    assert "make security" in capsys.readouterr().err


def test_a_page_that_is_written_again_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = tmp_path / "security.md"
    page.write_text("before\n<!-- matrix -->\n<!-- /matrix -->\nafter\n")
    monkeypatch.setattr(security_matrix, "PAGE", page)

    assert security_matrix.main([]) == 0
    assert security_matrix.main(["--check"]) == 0
    assert page.read_text().startswith("before\n<!-- matrix -->\n| caller sends |")
