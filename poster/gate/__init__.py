"""The gate: go on only when callers really get the new version, or say why not."""
