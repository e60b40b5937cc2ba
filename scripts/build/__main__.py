"""Build one zip per function, dist/manifest.json and a bill of materials.

python -m scripts.build [--python 3.13] [--arch arm64] [--out DIR]
"""

import argparse
import sys
from pathlib import Path

from scripts.build import package, targets
from scripts.build.errors import BuildError
from scripts.build.targets import Target
from scripts.project import ROOT


def main(arguments: list[str] | None = None) -> int:
    """Build and list the zips; return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build", description=__doc__)
    parser.add_argument(
        "--python",
        metavar="VERSION",
        help=f"{', '.join(targets.GLIBC_MINOR)}; default: this Python's version",
    )
    parser.add_argument(
        "--arch", metavar="NAME", help=f"{', '.join(targets.ARCHITECTURES)}; default: this machine's"
    )
    parser.add_argument("--out", default=ROOT / "dist", type=Path, metavar="DIR", help="default: dist/")
    options = parser.parse_args(arguments)
    try:
        target = Target(
            options.python or targets.running_python(), options.arch or targets.running_architecture()
        )
        package.build(target, options.out)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
