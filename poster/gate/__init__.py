"""The gate: go on only when callers really get the new version.

    sequential     pure: the test that decides, from who answered which probe
    control_plane  what Lambda itself says: update settled, version active, alias at it alone
    waiting        the loop: control plane first, then probes into the test, until it ends

A gate ends in one of three ways: *reached*, *timed out*, or *nothing to wait for*; whatever else
keeps it from an answer is a ``GateError``. Definitions and measured error rates: ``docs/gate.md``.
"""

from __future__ import annotations
