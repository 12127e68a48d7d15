"""``poster lab``: the same instrument on other questions; a file per lab, ``lab_*.py``."""

from __future__ import annotations

import click

from poster.cli.lab_patterns import patterns
from poster.cli.lab_runtime import runtime
from poster.cli.lab_two_functions import two_functions


@click.group()
def lab() -> None:
    """Run a lab from labs/ and write its measured table into its README."""


lab.add_command(patterns)
lab.add_command(runtime)
lab.add_command(two_functions)
