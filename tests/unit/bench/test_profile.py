"""Samples of a profile, by what they were in."""

from __future__ import annotations

import pytest

from bench.profile import shares

REPORT = """\
# Samples: 5K of event 'cpu-clock'
#
    41.20%  [kernel.kallsyms]
    22.30%  libpython3.11.so.1.0
    20.00%  libcurl-5ffbae27.so.4.8.0
     4.00%  pycurl.cpython-311-x86_64-linux-gnu.so
     7.50%  libc.so.6
     5.00%  _core.cpython-311-x86_64-linux-gnu.so
"""


def test_every_share_goes_to_one_part() -> None:
    found = shares(REPORT)
    assert list(found.values()) == [41.2, 24.0, 22.3, 7.5, 5.0]
    assert sum(found.values()) == pytest.approx(100)
