"""What is done once callers get the new version, and never before: one file each."""
