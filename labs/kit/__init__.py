"""What the labs share: a target, a stack, and tables of what was measured."""
