"""A copy of the SAM application in which releases are made; the working tree is never touched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from poster.deploy.release import DeployError

RELEASE_FILE = Path("hello_world/release.py")
_MARKER_LINE = re.compile(r'^MARKER = "[^"\n]*"$', re.MULTILINE)
_BUILD = Path(".aws-sam/build")
_ALIAS_LINE = re.compile(r"^ +AutoPublishAlias:.*\n", re.MULTILINE)
# SAM refuses it for a function without alias. With it go the lines that are indented deeper.
_PROVISIONED = re.compile(
    r"^(?P<indent> +)ProvisionedConcurrencyConfig:.*\n(?:(?P=indent) +.*\n)*", re.MULTILINE
)
_QUALIFIED = re.compile(r"(\$\{\w+\.Arn\}):\w+(?=/invocations)")
_NEEDED = ("template.yaml", "samconfig.toml")


class _AsText(yaml.BaseLoader):
    """Reads every scalar as the text it is, and nothing of what CloudFormation's functions say."""


def _ignored(loader: _AsText, suffix: str, node: Any) -> None:
    """Stand for ``!Ref`` and its like."""


_AsText.add_multi_constructor("!", _ignored)


class StagedApplication:
    """A directory that holds its own template, samconfig and code."""

    def __init__(self, path: Path, release_file: Path = RELEASE_FILE) -> None:
        self.path = path
        self._release_file = release_file

    @classmethod
    def copy_of(
        cls,
        application: Path,
        into: Path,
        code: Sequence[str] = (RELEASE_FILE.parent.name,),
        release_file: Path = RELEASE_FILE,
    ) -> StagedApplication:
        """Copy the application's files. Raises DeployError when ``application`` is none.

        ``code`` names what its template builds from, ``release_file`` is where releases differ.
        """
        for name in (*_NEEDED, *code):
            source = application / name
            if source.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, into / name, ignore=ignore)
            elif source.is_file():
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, into / name)
            else:
                raise DeployError(
                    f"{source} is missing: run this in the folder of the SAM application, or name"
                    " it with --app"
                )
        return cls(into, release_file)

    def make_release(self, marker: str) -> None:
        """Change the one line of code that tells releases apart.

        Raises DeployError when the file does not have exactly one such line.
        """
        file = self.path / self._release_file
        code, lines = _MARKER_LINE.subn(f'MARKER = "{marker}"', file.read_text())
        if lines != 1:
            raise DeployError(
                f'{self._release_file} has {lines} lines of the form MARKER = "..."; want 1'
            )
        file.write_text(code)

    def without_alias(self) -> None:
        """Take the function's alias out of the template: callers then get ``$LATEST``.

        Raises DeployError when the template does not have exactly one AutoPublishAlias line.
        """
        file = self.path / "template.yaml"
        template, lines = _ALIAS_LINE.subn("", file.read_text(encoding="utf-8"))
        if lines != 1:
            raise DeployError(f"template.yaml has {lines} AutoPublishAlias lines; want 1")
        template = _QUALIFIED.sub(r"\1", _PROVISIONED.sub("", template))
        file.write_text(template, encoding="utf-8")

    def parameters(self) -> dict[str, str | None]:
        """Return the template's parameters with their defaults; None: it has none."""
        template = yaml.load((self.path / "template.yaml").read_text(encoding="utf-8"), _AsText)
        declared = template.get("Parameters", {}) if isinstance(template, dict) else {}
        return {name: said.get("Default") for name, said in declared.items()}

    def built_code(self) -> Path:
        """Return the folder that ``sam build`` made for the function.

        Raises DeployError when it made none or several: which is then meant is not said anywhere.
        """
        folders = [path for path in (self.path / _BUILD).glob("*") if path.is_dir()]
        if len(folders) != 1:
            names = ", ".join(sorted(path.name for path in folders)) or "none"
            raise DeployError(f"this way deploys one function, and sam build made {names}")
        return folders[0]
