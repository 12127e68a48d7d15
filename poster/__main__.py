"""``python -m poster`` is the ``poster`` command."""

from poster.cli.main import main

main(prog_name="poster")
