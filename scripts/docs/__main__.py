"""Write every generated document. With --check, write nothing and report documents that are out of date.

python -m scripts.docs [--check]
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping

from scripts.docs import asyncapi, cost, message_types, quotas, reliability, security_matrix
from scripts.docs.openapi.document import document as openapi_document
from scripts.project import ROOT

DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "docs/openapi.json": lambda: _json(openapi_document()),
    "docs/asyncapi.json": lambda: _json(asyncapi.document()),
    message_types.PATH: message_types.module,
    "docs/cost.md": cost.page,
    "docs/quotas.md": quotas.page,
    "docs/reliability.md": reliability.page,
    "docs/security.md": security_matrix.page,
}
"""The path of each document below the repository's root, and the function that returns its text."""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 1 if --check finds a document that is out of date, else 0."""
    parser = argparse.ArgumentParser(prog="python -m scripts.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit with 1 if a document is out of date")
    check = parser.parse_args(arguments).check
    texts = {name: text() for name, text in DOCUMENTS.items()}
    outdated = [name for name, text in texts.items() if (ROOT / name).read_text() != text]
    for name in outdated:
        if check:
            print(f"{name} is out of date. Write it with: make docs", file=sys.stderr)
        else:
            (ROOT / name).write_text(texts[name])
            print(f"Wrote {name}")
    return int(check and bool(outdated))


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main())
