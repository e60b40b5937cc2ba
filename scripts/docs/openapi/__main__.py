"""Write docs/openapi.json from the code, or with --check say whether it is there as the code says."""

import json
import sys

from scripts.docs.generated import write_or_check
from scripts.docs.openapi.document import document
from scripts.project import ROOT

FILE = ROOT / "docs" / "openapi.json"


def main(arguments: list[str] | None = None) -> int:
    """Write the document, or with --check say whether the one that is there is this one; 0, or 1 if not."""
    text = json.dumps(document(), indent=2) + "\n"
    return write_or_check(FILE, text, target="openapi", arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
