"""The README as a stranger follows it: every command as pasted, in order, in a fresh clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = [
    command
    for block in re.findall(
        r"^```console\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    for command in block.splitlines()
]
# What a machine without an account, or this test, cannot do: the first that is met counts.
NEEDS = {
    r"make test$": "is what CI runs before this",
    r"api\.example\.com": "needs an API of the reader's",
    r"--target aws|--stack-name|sam deploy|finish\.txt": "needs an account",
    r"sam local": "needs Docker",
}

pytestmark = [
    pytest.mark.local_aws,
    pytest.mark.timeout(1800),  # of the longest one
]


class Shell:
    """One shell in which commands run one after another, as somebody pastes them."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def paste(self, command: str) -> tuple[int, str]:
        """Run the command; return its exit code and what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command} </dev/null\necho end-of-command $?\n")
        self._process.stdin.flush()
        said = ""
        for line in self._process.stdout:
            if ended := re.fullmatch(r"(.*)end-of-command (\d+)\n", line):
                return int(ended[2]), said + ended[1]
            said += line
        raise AssertionError(f"the shell ended: {said}")

    def close(self) -> None:
        """End the shell."""
        self._process.communicate("exit\n", timeout=60)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    clone = tmp_path_factory.mktemp("stranger") / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    # What reaches the registry, and a Python that is new enough; nothing of ours.
    kept = {n: os.environ[n] for n in os.environ if n.startswith(("UV_", "PIP_", "SSL_"))}
    python = Path(sys.base_prefix) / "bin"
    home = {"HOME": str(clone.parent), "LANG": "C.UTF-8", "PATH": f"{python}:/usr/bin:/bin"}
    opened = Shell(clone, {**kept, **home})
    yield opened
    opened.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_works_as_pasted(command: str, shell: Shell) -> None:
    for pattern, reason in NEEDS.items():
        if re.search(pattern, command):
            pytest.skip(f"`{command}` {reason}")
    exit_code, said = shell.paste(command)
    assert exit_code == 0, said
