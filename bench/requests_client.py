"""The plain way: ``requests`` with one Session, one call after another, for some seconds."""

from __future__ import annotations

import sys
import time

import requests

url, seconds, body = sys.argv[1], float(sys.argv[2]), sys.argv[3]
calls, end = 0, time.monotonic() + seconds
with requests.Session() as session:
    while time.monotonic() < end:
        session.post(url, data=body, headers={"Content-Type": "application/json"})
        calls += 1
print(f"{calls / seconds:.1f} calls/s")
