"""Markdown: tables, and generated sections of pages."""

import re
from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a table: the first `left` columns are aligned left, the others right."""
    ruler = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ruler, *rows))


def replace_section(page: str, name: str, content: str) -> str:
    """Return the page with `content` between the lines `<!-- name -->` and `<!-- /name -->`.

    Raises ValueError unless the page has exactly one such section.
    """
    section = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    page, count = section.subn(lambda marks: f"{marks[1]}{content}\n{marks[2]}", page)
    if count != 1:
        raise ValueError(f"The page has {count} sections named {name}")
    return page
