"""Byte code that depends on the source and the Python version, not on clock, path, locale or hash seed."""

import marshal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.build.errors import BuildError

# Where Lambda unpacks a zip. Tracebacks show it.
TASK_ROOT = "/var/task"

# Runs in the target's interpreter. Each file gets the hash of its source instead of a time, and is marked as
# unchecked: the zip is read-only, so Python need not compare it with the source (PEP 552).
_COMPILER = f"""
import importlib.util, marshal, sys
compiled = []
for name, source in marshal.load(sys.stdin.buffer):
    code = compile(source, "{TASK_ROOT}/" + name, "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    compiled.append((name, header + marshal.dumps(code)))
marshal.dump(compiled, sys.stdout.buffer)
"""


def compile_all(interpreter: Path, sources: Mapping[str, bytes], *, columns: bool) -> dict[str, bytes]:
    """Compile sources by name (path below the zip's root) to the content of their `.pyc` files.

    `columns` keeps the positions by which tracebacks underline a part of a line: useless without the source,
    and a quarter of the byte code. Raises BuildError for a source that does not compile.
    """
    # One fresh process, in the order of names, with an empty environment: what marshal writes depends on what
    # the process has seen before.
    process = subprocess.run(
        [interpreter, "-s", "-S", "-P", "-c", _COMPILER],
        input=marshal.dumps(sorted(sources.items()), 2),
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PYTHONNODEBUGRANGES": "" if columns else "1"},
        cwd="/",
        capture_output=True,
        check=False,
    )
    if process.returncode:
        raise BuildError(process.stderr.decode(errors="replace").strip().splitlines()[-1])
    compiled: list[tuple[str, bytes]] = marshal.loads(process.stdout)  # noqa: S302  (our own process wrote it)
    return dict(compiled)
