"""Makes the worker of labs/invocation_patterns importable, behind everything else."""

from __future__ import annotations

import sys
from pathlib import Path

# Appended: the worker has an app and a release too, and hello_world's must stay the ones found.
sys.path.append(str(Path(__file__).parents[3] / "labs" / "invocation_patterns" / "worker"))
