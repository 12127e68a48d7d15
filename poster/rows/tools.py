"""Versions of what made a history, for its first row."""

from __future__ import annotations

import importlib.metadata
import platform

from poster.rows.version import VERSION

_PACKAGES = ("requests", "boto3", "ministack")


def tool_versions() -> dict[str, str]:
    """Return the version of Python and of each of our tools that is installed."""
    versions = {"python": platform.python_version(), "poster": VERSION}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
