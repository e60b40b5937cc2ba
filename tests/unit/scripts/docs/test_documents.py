"""The generated documents are up to date, and the command that checks and writes them works."""

from pathlib import Path

import pytest

from scripts.docs import __main__ as docs
from scripts.docs.markdown import replace_section
from scripts.project import ROOT


@pytest.mark.parametrize("name", docs.DOCUMENTS)
def test_a_generated_document_is_up_to_date(name: str):
    assert docs.DOCUMENTS[name]() == (ROOT / name).read_text(), "Run: make docs"


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text("old")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "DOCUMENTS", {"page.md": lambda: "new"})
    return file


def test_check_reports_an_outdated_document_and_writes_nothing(
    document: Path, capsys: pytest.CaptureFixture[str]
):
    assert docs.main(["--check"]) == 1
    assert "page.md is out of date. Write it with: make docs" in capsys.readouterr().err
    assert document.read_text() == "old"


def test_a_written_document_passes_the_check(document: Path):
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0
    assert document.read_text() == "new"


def test_a_section_is_replaced_between_its_marks():
    page = "before\n<!-- part -->\nold\n<!-- /part -->\nafter\n"

    assert replace_section(page, "part", "new") == "before\n<!-- part -->\nnew\n<!-- /part -->\nafter\n"


@pytest.mark.parametrize("count", [0, 2])
def test_a_section_that_is_missing_or_ambiguous_is_an_error(count: int):
    with pytest.raises(ValueError, match=f"{count} sections named part"):
        replace_section("<!-- part -->\n<!-- /part -->\n" * count, "part", "new")
