"""Files that are made from the code: written, or with --check compared with what the code says now."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown: the first column to the left, figures to the right."""
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ruler, *rows))


def with_part(document: str, name: str, content: str) -> str:
    """The document with `content` between the lines `<!-- name -->` and `<!-- /name -->`.

    Raises ValueError unless there is one place that is marked so.
    """
    mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    document, places = mark.subn(lambda marks: f"{marks[1]}{content}\n{marks[2]}", document)
    if places != 1:
        raise ValueError(f"{places} places are marked for the part {name}")
    return document


def write_or_check(file: Path, text: str, *, target: str, arguments: Sequence[str] | None = None) -> int:
    """Write the file, or with --check in `arguments` say whether it is this text; 0, or 1 when it is not.

    `target` is the make target that writes it.
    """
    parser = argparse.ArgumentParser(description=f"Write {file.name} from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file differs")
    if not parser.parse_args(arguments).check:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    elif not file.is_file() or file.read_text() != text:
        print(f"docs/{file.name} is not what the code says. Write it again: make {target}", file=sys.stderr)
        return 1
    return 0
