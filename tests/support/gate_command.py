"""``poster wait`` as a pipeline runs it, on the local AWS."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from poster.local.environment import LocalAws


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.out)
        return said


def poster_wait(aws: LocalAws, folder: Path, *arguments: str) -> Ended:
    """Run the command in a folder, as a pipeline would."""
    done = subprocess.run(
        [sys.executable, "-m", "poster", "wait", *arguments],
        cwd=folder,
        env=aws.environment(os.environ),
        capture_output=True,
        text=True,
        timeout=280,  # a busy machine
    )
    assert "Traceback" not in done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)
