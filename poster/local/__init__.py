"""The local AWS: an emulator that runs the real function code, and a model of the propagation."""
