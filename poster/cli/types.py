"""Values of the command line that have a form of their own; a wrong one ends with its sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from poster.deploy.ways import Way, WayError, parse_way
from poster.local.faults import FaultError, parse_faults
from poster.local.lag import LagError, parse_lag

# Parameters of the template that other options stand for.
OURS = {
    "Number": "see --number",
    "ConfigMarker": "it tells releases apart",
    "DeploymentPreference": "see --strategy codedeploy:NAME",
}
DEFAULT_SEED = 35  # its windows are near the model's median; those of 0 happen to be long


class WayType(click.ParamType[Way]):
    """A way of deploying."""

    name = "way"

    def convert(self, value: Any, param: Any, ctx: Any) -> Way:
        """Return the way."""
        if isinstance(value, Way):
            return value
        try:
            return parse_way(value)
        except WayError as error:
            self.fail(str(error), param, ctx)


class ParameterType(click.ParamType[tuple[str, str]]):
    """A parameter of the template and its value."""

    name = "parameter"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, str]:
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, given = str(value).partition("=")
        if not equals or not name.isalnum():
            self.fail(f"{value!r} is not of the form NAME=VALUE", param, ctx)
        if name in OURS:
            self.fail(f"{name} is set by the experiment itself: {OURS[name]}", param, ctx)
        return name, given


class LagType(click.ParamType[str]):
    """A lag distribution, by the name that the fleet takes."""

    name = "lag"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name."""
        try:
            parse_lag(value, lambda path: Path(path).read_text(encoding="utf-8"))
        except (LagError, OSError) as error:
            self.fail(str(error), param, ctx)
        return str(value)


class FaultType(click.ParamType[str]):
    """A fault of the fleet, by its description."""

    name = "fault"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the description."""
        try:
            parse_faults([value])
        except FaultError as error:
            self.fail(str(error), param, ctx)
        return str(value)


lag_option = click.option(
    "--lag",
    type=LagType(),
    default="published",
    show_default=True,
    metavar="NAME",
    help="Local only: how long front ends keep the old version: published, instant, seconds:X,"
    " uniform:A,B or file:PATH.",
)
seed_option = click.option(
    "--seed",
    type=int,
    default=DEFAULT_SEED,
    show_default=True,
    help="Local only: of the simulated lags.",
)
target_option = click.option(
    "--target",
    type=click.Choice(["local", "aws"]),
    default="local",
    show_default=True,
    help="An emulator on this machine, or your AWS account.",
)
region_option = click.option("--region", metavar="NAME", help="AWS only: the region.")
keep_option = click.option(
    "--keep", is_flag=True, help="AWS only: keep a stack that this run made."
)
yes_option = click.option("--yes", is_flag=True, help="AWS only: do not ask before deploying.")
