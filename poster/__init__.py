"""The instrument: calls an API while it is deployed and judges from the rows what callers saw."""
