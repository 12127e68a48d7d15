"""The ``sam`` command, run on a staged application; everything it says is kept in a log."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from poster.child import Child
from poster.deploy.release import DeployError
from poster.deploy.sam_tool import with_ours_first


class SamCli:
    """Runs ``sam`` on a staged application; everything it says is kept in a log."""

    def __init__(self, sam: Path, environment: dict[str, str], log: Path) -> None:
        self._sam = sam
        self._environment = with_ours_first(environment)
        self._log = log

    def lines(self, arguments: list[str], cwd: Path) -> Iterator[str]:
        """Run it and yield what it prints on standard output, line by line.

        Raises DeployError with the end of what it said when it fails.
        """
        # What samconfig.toml says of the region would win over the environment.
        region = self._environment.get("AWS_REGION")
        arguments = [*arguments, *(["--region", region] if region else [])]
        command = [str(self._sam), *arguments]
        with self._log.open("ab") as log:
            log.write(f"$ sam {' '.join(arguments)}\n".encode())
            log.flush()
            start = log.tell()
            with Child.start(
                command,
                env=self._environment,
                cwd=cwd,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as child:
                for line in child.stdout or ():
                    log.write(line.encode())
                    log.flush()
                    yield line
                exit_code = child.wait()
        if exit_code != 0:
            raise DeployError(
                f"sam {arguments[0]} ended with {exit_code}: {self._tail(start)}"
                f" (all of it: {self._log})"
            )

    def _tail(self, start: int) -> str:
        said = self._log.read_bytes()[start:].decode(errors="replace")
        readable = re.sub(r"\x1b\[[0-9;]*m", "", said)
        lines = [line.strip() for line in readable.splitlines() if line.strip()]
        return " / ".join(line for line in lines if not line.startswith("{"))[-600:] or "no output"
