"""Byte code: for /var/task, and never compared with its source."""

import marshal
import struct
import sys
from pathlib import Path

import pytest

from scripts.build import bytecode
from scripts.build.errors import BuildError


def test_byte_code_names_the_path_in_lambda_and_is_never_checked_against_its_source():
    sources = {"shared/x.py": b"def f(): pass\n"}

    compiled = bytecode.compile_all(Path(sys.executable), sources, columns=True)["shared/x.py"]

    assert struct.unpack("<I", compiled[4:8])[0] == 1  # PEP 552: by hash, unchecked
    assert marshal.loads(compiled[16:]).co_filename == "/var/task/shared/x.py"


def test_a_source_that_does_not_compile_fails_in_one_sentence():
    with pytest.raises(BuildError, match=r"^SyntaxError: .*$"):
        bytecode.compile_all(Path(sys.executable), {"shared/x.py": b"def f(:\n"}, columns=True)
