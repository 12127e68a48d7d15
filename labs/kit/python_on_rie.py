"""One execution environment of a Python function: AWS's runtime client under AWS's emulator.

``awslambdaric`` is what Lambda's managed runtimes run the handler with. Init and durations are the
ones that the Runtime Interface Emulator logs; the emulator does the init at the first call.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from labs.kit.rie import Rie, RieError

_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_DURATION = re.compile(r"INVOKE RTDONE\(status: success, .*duration: ([\d.]+)ms\)")
_BOOTSTRAP = """\
#!/bin/sh
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1
export AWS_DEFAULT_REGION=us-east-1 AWS_LAMBDA_FUNCTION_NAME=local AWS_LAMBDA_FUNCTION_VERSION=1
export AWS_LAMBDA_LOG_STREAM_NAME=local LAMBDA_TASK_ROOT={code} PYTHONDONTWRITEBYTECODE=1
export {variables}
cd {code}
exec {python} -m awslambdaric {handler}
"""


class PythonOnRie:
    """The environment, as a context manager; it ends with the ``with`` block."""

    def __init__(
        self,
        binary: Path,
        code: Path,
        handler: str,
        variables: Mapping[str, str],
        python: Sequence[str] = (sys.executable,),
    ) -> None:
        """``python`` is the command that starts the interpreter. Raises RieError."""
        if importlib.util.find_spec("awslambdaric") is None:
            raise RieError("awslambdaric, AWS's runtime client, is not installed: make setup")
        self._folder = tempfile.TemporaryDirectory()
        bootstrap = Path(self._folder.name) / "bootstrap"
        said = {name: shlex.quote(value) for name, value in variables.items()}
        bootstrap.write_text(
            _BOOTSTRAP.format(
                code=shlex.quote(str(code)),
                variables=" ".join(f"{name}={value}" for name, value in said.items()),
                python=shlex.join(python),
                handler=handler,
            ),
            encoding="utf-8",
        )
        bootstrap.chmod(0o755)
        self._rie = Rie(binary, bootstrap.parent, handler)
        self._log = ""

    def call(self, event: bytes) -> tuple[int, bytes]:
        """Call once, and return status and body; the first call starts the handler."""
        status, body, logged = self._rie.invoke(event)
        self._log += logged
        return status, body

    @property
    def init_ms(self) -> list[float]:
        """Return what the init took; several values where it was repeated."""
        return [float(each) for each in _INIT.findall(self._log)]

    @property
    def durations_ms(self) -> list[float]:
        """Return what the calls took, in order; the last may not have been logged yet."""
        return [float(each) for each in _DURATION.findall(self._log)]

    @property
    def log(self) -> str:
        """Return what was logged until the last call."""
        return self._log

    def __enter__(self) -> PythonOnRie:
        self._rie.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._rie.__exit__()
        self._folder.cleanup()
