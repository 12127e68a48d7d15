"""Which certificate authorities to trust over TLS."""

from __future__ import annotations

import os

import certifi

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def ca_bundle() -> str:
    """Return the file that the environment names, else Mozilla's list; as ``requests`` does."""
    named = (os.environ.get(variable) for variable in _VARIABLES)
    return next(filter(None, named), certifi.where())
