"""The one line that a new release changes."""

MARKER = "aaa"
