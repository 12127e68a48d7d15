"""The command line: one file per subcommand; parsing, wiring, exit codes, nothing else."""
