"""Build one zip per function, byte for byte the same from the same commit, dist/manifest.json and an SBOM.

python -m scripts.build.package [--python 3.13] [--arch arm64] [--out DIR]
"""

import argparse
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.build import bytecode, imports, sbom, targets, vendor
from scripts.build.errors import BuildError
from scripts.build.targets import Target
from scripts.project import ROOT

SBOM = "sbom.cdx.json"
# The most bytes that a zip may have; a small zip starts faster.
SIZE_LIMIT = 1_500_000
OTHER_LIMITS = {
    "create_session": 4_000_000,  # pydantic checks bodies
    "update_session": 4_000_000,
    "authorize_connection": 6_000_000,  # cryptography checks signatures
}


def main(arguments: list[str] | None = None) -> int:
    """Build and say what was built; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build.package", description=__doc__)
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
    sources = {file for need in needs.values() for file in need.files}
    _check_calls(root, sources, layer.removed_methods)
    own = _own_files(root, target, interpreter, sources)
    distributions = {name: layer.distributions(need.third_party) for name, need in needs.items()}
    zips = {}
    for name, need in needs.items():
        files = layer.files(distributions[name])
        for file in need.files:
            files.update(own[file])
        zips[name] = zipped(files)
    _check_sizes(zips)
    made = {}
    out.mkdir(parents=True, exist_ok=True)
    for name, content in zips.items():
        digest = hashlib.sha256(content).hexdigest()
        made[name] = {"file": f"{name}.zip", "sha256": digest, "bytes": len(content)}
        _replace(out / f"{name}.zip", content)
        print(f"{name + '.zip':20} {len(content):>9,} bytes  sha256 {digest:.12}", flush=True)
    release = version(root)
    bill = sbom.document(release, layer, distributions).encode()
    _replace(out / SBOM, bill)
    manifest = {
        "version": release,
        "commit": _git(root, "rev-parse", "HEAD") or "unknown",
        "runtime": target.runtime,
        "architecture": target.architecture,
        "functions": made,
        "sbom": {"file": SBOM, "sha256": hashlib.sha256(bill).hexdigest()},
    }
    # Last, so that it never speaks of zips that are not there.
    _replace(out / "manifest.json", json.dumps(manifest, indent=2).encode() + b"\n")


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
        for name, compiled in bytecode.compile_all(interpreter, sources, columns=True).items()
    }


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of files by path: in the order of their names, all with one time and one mode."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            # Level 9 makes it 0.8 % smaller in three times the time.
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=6)
    return target.getvalue()


def _check_calls(root: Path, files: Iterable[Path], removed: frozenset[str]) -> None:
    wrong = [
        f"{file}:{line} calls {method}, which the SDK in the zips does not know: see OPERATIONS in prune.py"
        for file in sorted(files)
        for method, line in imports.calls((root / file).read_bytes())
        if method in removed
    ]
    if wrong:
        raise BuildError("\n".join(wrong))


def _check_sizes(zips: Mapping[str, bytes]) -> None:
    over = [
        f"{name}.zip has {len(content):,} bytes, over its limit of {limit:,}"
        for name, content in zips.items()
        if len(content) > (limit := OTHER_LIMITS.get(name, SIZE_LIMIT))
    ]
    if over:
        raise BuildError("\n".join(over))


def _replace(path: Path, content: bytes) -> None:
    """Write a file at once, so that nobody reads half of it while another build runs."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as part:
        part.write(content)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(path)


if __name__ == "__main__":
    sys.exit(main())
