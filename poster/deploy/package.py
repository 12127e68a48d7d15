"""The code of a release as one zip file: built by ``sam build``, packed by us.

The ways that call the Lambda API themselves upload this. Packing depends on names, contents and
modes alone, never on when or where the files were built: the same release gives the same bytes,
and so the same ``CodeSha256`` by which Lambda names them.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


@dataclasses.dataclass(frozen=True, slots=True)
class Package:
    """Zipped code, ready to upload."""

    code: bytes

    @property
    def sha256(self) -> str:
        """Return the digest as Lambda's ``CodeSha256`` writes it: base64."""
        return base64.b64encode(hashlib.sha256(self.code).digest()).decode()


def zip_of(folder: Path) -> bytes:
    """Return the folder's files as a zip file that is the same for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs the code as another user than the one who owns it: all may read.
            mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            entry.create_system = 3  # Unix, whatever we run on: the mode counts
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, path.read_bytes())
    return packed.getvalue()
