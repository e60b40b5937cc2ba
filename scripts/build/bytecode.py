"""Byte code that depends on the source and the Python version, not on clock, path, locale or hash seed."""

import marshal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.build.errors import BuildError

# Where Lambda unpacks a zip; it shows in tracebacks.
TASK_ROOT = "/var/task"

# Runs in the target's interpreter. The source's hash instead of its time goes into each file, unchecked: the
# zip is read-only, so Python need not look at the source again (PEP 552).
_COMPILER = f"""
import importlib.util, marshal, sys
answers = []
for name, source in marshal.load(sys.stdin.buffer):
    code = compile(source, "{TASK_ROOT}/" + name, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    answers.append((name, head + marshal.dumps(code)))
marshal.dump(answers, sys.stdout.buffer)
"""


def compile_all(interpreter: Path, sources: Mapping[str, bytes], *, columns: bool) -> dict[str, bytes]:
    """Compile sources by name (path below the zip's root) to the content of their `.pyc` files.

    `columns` keeps what underlines the failing part of a line in tracebacks: of no use without the source,
    and a quarter of the byte code.

    One fresh process, in the order of names, with an empty environment: what marshal writes depends on what
    the process has seen before.
    """
    answer = subprocess.run(
        [interpreter, "-s", "-S", "-P", "-c", _COMPILER],
        input=marshal.dumps(sorted(sources.items()), 2),
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PYTHONNODEBUGRANGES": "" if columns else "1"},
        cwd="/",
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        raise BuildError(answer.stderr.decode(errors="replace").strip().splitlines()[-1])
    compiled: list[tuple[str, bytes]] = marshal.loads(answer.stdout)  # noqa: S302  (our own process wrote it)
    return dict(compiled)
