"""Imports the function once for all tests here, blind to the AWS settings of whoever runs them."""

from __future__ import annotations

import os

import pytest

with pytest.MonkeyPatch.context() as patch:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    # A client reads the caller's profile when it is made, and app makes one at import.
    patch.setenv("AWS_CONFIG_FILE", os.devnull)
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    import app  # noqa: F401
