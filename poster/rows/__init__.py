"""The rows of a run, as they are written, read and merged: what everything else reads."""
