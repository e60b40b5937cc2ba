"""Build one zip per function, byte for byte the same from the same commit, and dist/manifest.json.

python -m scripts.package [--python 3.13] [--arch arm64] [--out DIR]
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

from scripts.packaging import BuildError, bytecode, imports, targets, vendor
from scripts.packaging.targets import Target

ROOT = Path(__file__).resolve().parent.parent
# The most bytes that a zip may have; a small zip starts faster.
SIZE_LIMIT = 4_000_000
SMALLER_LIMITS = {"get_session": 1_500_000, "delete_session": 1_500_000, "health": 1_500_000}


class Made(TypedDict):
    """One zip as the manifest tells it; `sha256` in hex."""

    file: str
    sha256: str
    bytes: int


def main(arguments: list[str] | None = None) -> int:
    """Build and say what was built; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m scripts.package", description=__doc__)
    parser.add_argument(
        "--python", default="", metavar="VERSION", help="3.11, 3.12 or 3.13; default: this Python's"
    )
    parser.add_argument("--arch", default="", metavar="NAME", help="x86_64 (default) or arm64")
    parser.add_argument("--out", default=ROOT / "dist", type=Path, metavar="DIR", help="default: dist/")
    chosen = parser.parse_args(arguments)
    try:
        target = Target(chosen.python or targets.running_python(), chosen.arch or "x86_64")
        build(target, chosen.out)
    except BuildError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def build(target: Target, out: Path, root: Path = ROOT) -> None:
    """Write `<function>.zip` for every `functions/<function>/handler.py` below `root`, and manifest.json."""
    interpreter = targets.interpreter(target.python)
    layer = vendor.layer(target, interpreter, root / "requirements" / "functions.txt", root / "build")
    names = sorted(handler.parent.name for handler in root.glob("functions/*/handler.py"))
    if not names:
        raise BuildError(f"No functions/<name>/handler.py in {root}")
    needs = {name: imports.needs(root, f"functions.{name}.handler") for name in names}
    own = _own_files(root, target, interpreter, {file for need in needs.values() for file in need.files})
    out.mkdir(parents=True, exist_ok=True)
    # A build that fails leaves no manifest, so nothing deploys half of it.
    (out / "manifest.json").unlink(missing_ok=True)
    functions: dict[str, Made] = {}
    for name, need in needs.items():
        files = layer.files(need.third_party)
        for file in need.files:
            files.update(own[file])
        functions[name] = _write_zip(out / f"{name}.zip", files)
        print(
            f"{name}.zip  {functions[name]['bytes']:>9,} bytes  sha256 {functions[name]['sha256']:.12}",
            flush=True,
        )
    _check_sizes(functions)
    manifest = {
        "version": version(root),
        "commit": _git(root, "rev-parse", "HEAD") or "unknown",
        "runtime": target.runtime,
        "architecture": target.architecture,
        "functions": functions,
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def version(root: Path) -> str:
    """Return pyproject.toml's version with the commit that is built: 0.1.0+1a2b3c4d5e6f[.dirty]."""
    number: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    commit = _git(root, "rev-parse", "HEAD")
    dirty = ".dirty" if commit and _git(root, "status", "--porcelain", "--untracked-files=no") else ""
    return f"{number}+{commit[:12] or 'unknown'}{dirty}"


def _git(root: Path, *words: str) -> str:
    """Return what git says, or nothing where there is no git or no repository."""
    try:
        answer = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.strip()


def _own_files(
    root: Path, target: Target, interpreter: Path, files: Iterable[Path]
) -> dict[Path, dict[str, bytes]]:
    """Return for each of our sources what is shipped: itself, for tracebacks, and its byte code."""
    sources = {file.as_posix(): (root / file).read_bytes() for file in files}
    return {
        Path(name): {
            name: sources[name],
            f"{name.rpartition('/')[0]}/__pycache__/{Path(name).stem}.{target.tag}.pyc": compiled,
        }
        for name, compiled in bytecode.compile_all(interpreter, sources).items()
    }


def _write_zip(path: Path, files: Mapping[str, bytes]) -> Made:
    """Write files in the order of their names, all with one time and one mode."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
    content = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _check_sizes(functions: Mapping[str, Made]) -> None:
    over = [
        f"{made['file']} has {made['bytes']:,} bytes, over its limit of {limit:,}"
        for name, made in functions.items()
        if made["bytes"] > (limit := SMALLER_LIMITS.get(name, SIZE_LIMIT))
    ]
    if over:
        raise BuildError("\n".join(over))


if __name__ == "__main__":
    sys.exit(main())
