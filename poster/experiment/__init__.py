"""A deploy under traffic: the releases of an experiment, or somebody's own command."""
