"""``python -m poster`` is the ``poster`` command."""

from poster.cli import main

main(prog_name="poster")
