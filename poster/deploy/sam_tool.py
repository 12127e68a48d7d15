"""Which ``sam`` deploys: the one beside our own Python, else one that we make from our lock.

SAM CLI is a tool, not a library: it and the local AWS pin different versions of botocore, so it
has an environment of its own. ``make setup`` puts it beside our Python; an installed poster makes
it at its first use, in the user's cache, from the hashed lock that came with poster.

A ``sam`` on the PATH is not taken: of which version it is would decide what is measured.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from poster.deploy import subject
from poster.deploy.release import DeployError

BESIDE_US = Path(sys.executable).parent


def find_sam(tell: Callable[[str], None]) -> Path:
    """Return the ``sam`` to deploy with; ``tell`` hears that it is made. Raises PosterError."""
    beside = BESIDE_US / "sam"
    if beside.exists():
        return beside
    folder = _cache() / f"sam-{hashlib.sha256(subject.SAM_LOCK.read_bytes()).hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Of two runs that start at once the second waits until the first has made it.
        with (folder / "making").open("w") as making:
            fcntl.flock(making, fcntl.LOCK_EX)
            if not (folder / "made").exists():
                tell(f"making an environment for sam, once, in {folder}")
                _make(folder / "environment")
                (folder / "made").touch()
    except OSError as error:
        raise DeployError(f"cannot make an environment for sam in {folder}: {error}") from error
    return folder / "environment" / "bin" / "sam"


def with_ours_first(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which what lies beside our Python is found: ``sam build`` needs uv.

    So a command works by its path alone, in a shell that knows nothing of our environment.
    """
    return {**environment, "PATH": f"{BESIDE_US}{os.pathsep}{environment.get('PATH', os.defpath)}"}


def _cache() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "poster"
    except RuntimeError:  # no HOME, and the system does not know this user
        raise DeployError(
            "there is no home folder to keep an environment for sam in: set HOME or XDG_CACHE_HOME"
        ) from None


def _make(environment: Path) -> None:
    uv = shutil.which("uv", path=with_ours_first(os.environ)["PATH"])
    if uv is None:
        raise ModuleNotFoundError("no `uv` beside our Python, nor on the PATH", name="uv")
    for arguments in (
        ("venv", "--clear", "--python", sys.executable, str(environment)),
        (
            *("pip", "sync", "--require-hashes", "--python", str(environment / "bin" / "python")),
            str(subject.SAM_LOCK),
        ),
    ):
        done = subprocess.run([uv, *arguments, "--quiet"], capture_output=True, text=True)
        if done.returncode:
            raise DeployError(
                f"an environment for sam could not be made: {done.stderr.strip()[-600:]}"
            )
