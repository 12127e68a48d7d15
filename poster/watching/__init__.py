"""Somebody else's deploy command, watched by the calls that go on around it."""
