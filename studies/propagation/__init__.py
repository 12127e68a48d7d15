"""The published experiment, and the fit of the propagation lag to its rows."""
