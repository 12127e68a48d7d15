"""What ``samconfig.toml`` says of an account: ``sam deploy --guided`` writes it, and it wins over
the environment.

A run in an account refuses a file that names another; a run on this machine forgets what it says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poster.deploy.release import DeployError

SAMCONFIG = "samconfig.toml"
_LINE = re.compile(r"^\s*(region|profile|s3_bucket|role_arn)\s*=.*\n?", re.MULTILINE)


def refuse_other_account(samconfig: Path, region: str, profile: str) -> None:
    """Raise DeployError where the file names another region or profile than the run's."""
    ways_out = {"region": "pass --region {}", "profile": "set AWS_PROFILE={}"}
    ours = {"region": region, "profile": profile}
    for section, parameters in _sections(samconfig):
        for name, value in ours.items():
            said = parameters.get(name, value)
            if said != value:
                raise DeployError(
                    f'{samconfig} has the line {name} = "{said}" under [{section}], and this run is'
                    f" for {name} {value}: change that line, or {ways_out[name].format(said)}"
                )


def forget_account(samconfig: Path) -> None:
    """Take out what names an account; for a staged copy."""
    samconfig.write_text(_LINE.sub("", samconfig.read_text(encoding="utf-8")), encoding="utf-8")


def _sections(samconfig: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        default = tomllib.loads(samconfig.read_text(encoding="utf-8")).get("default", {})
    except FileNotFoundError:
        return  # whoever copies the application says what is missing
    except OSError as error:
        raise DeployError(f"cannot read {samconfig}: {error.strerror}") from None
    except ValueError as error:
        raise DeployError(f"{samconfig} cannot be read: {error}") from None
    for command, tables in default.items() if isinstance(default, dict) else ():
        parameters = tables.get("parameters", {}) if isinstance(tables, dict) else {}
        yield f"default.{command}.parameters", parameters
