"""The version of poster; the package's metadata and every history take it from here."""

VERSION = "0.1.0"
