"""A place to deploy to: an account, a stack, an alias, and what they cost."""
