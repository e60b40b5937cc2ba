"""Write docs/openapi.json from the code, or with --check say whether it is there as the code says."""

import argparse
import json
import sys

from scripts.openapi.document import document
from scripts.openapi.samples import ROOT

FILE = ROOT / "docs" / "openapi.json"


def main(arguments: list[str] | None = None) -> int:
    """Write the document, or with --check say whether the one that is there is this one; 0, or 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m scripts.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file differs")
    chosen = parser.parse_args(arguments)
    text = json.dumps(document(), indent=2) + "\n"
    if not chosen.check:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text)
    elif not FILE.is_file() or FILE.read_text() != text:
        print("docs/openapi.json is not what the code says. Write it again: make openapi", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
