"""The code of functions: zips, unpacked into folders that are named by their digests."""

import hashlib
import io
import tempfile
import zipfile
from pathlib import Path


def unpack(code: bytes, parent: Path) -> Path:
    """Unpack a zip into a folder below `parent`, unless it is there already, and return the folder.

    Its files are read-only, as on Lambda.
    """
    task_root = parent / hashlib.sha256(code).hexdigest()
    if not task_root.is_dir():
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=parent))
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(temporary)
        for path in temporary.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        temporary.rename(task_root)
    return task_root
