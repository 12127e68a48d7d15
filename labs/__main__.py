"""``python -m labs``: the same instrument on other questions; each lab whole in its folder."""

from __future__ import annotations

import click

from labs.custom_runtime.lab import runtime
from labs.doors.lab import doors
from labs.invocation_patterns.lab import patterns
from labs.settings.lab import settings
from labs.two_functions.lab import two_functions


@click.group()
def labs() -> None:
    """Run a lab; its tables are printed and kept in runs/."""


labs.add_command(doors)
labs.add_command(patterns)
labs.add_command(runtime)
labs.add_command(settings)
labs.add_command(two_functions)

labs(prog_name="python -m labs")
