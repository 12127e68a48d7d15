"""``poster wait`` as a pipeline runs it, on the local AWS."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
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


def poster_wait(
    aws: LocalAws,
    folder: Path,
    *arguments: str,
    said: str | None = None,
    then: Callable[[], None] = lambda: None,
) -> Ended:
    """Run the command in a folder, as a pipeline would; ``then`` follows the line that is said."""
    with subprocess.Popen(
        [sys.executable, "-m", "poster", "wait", *arguments],
        cwd=folder,
        env=aws.environment(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stdout is not None
        assert waiting.stderr is not None
        heard = ""
        for line in waiting.stderr:
            heard += line
            if said is not None and said in line:
                said = None
                then()
        out = waiting.stdout.read()
    assert "Traceback" not in heard
    return Ended(waiting.returncode, out, heard)
