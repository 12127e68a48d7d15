"""What a wheel brings beside the code: the subject, and the lock of the sam that deploys it.

In a clone these are the files at its root; a wheel holds copies of them (see pyproject.toml).
"""

from __future__ import annotations

import shutil
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_BUNDLE = _PACKAGE / "subject"
_ROOT = _BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent

SUBJECT = _ROOT
SUBJECT_FILES = ("template.yaml", "samconfig.toml", "hello_world", "events")
SAM_LOCK = _ROOT / "requirements" / "sam.txt"


def copy_subject(into: Path) -> None:
    """Copy the subject's files into a folder, which may be new."""
    into.mkdir(parents=True, exist_ok=True)
    for name in SUBJECT_FILES:
        source = SUBJECT / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, into / name)
