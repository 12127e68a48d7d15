"""The instrument: calls an API while a new release is deployed and judges what callers saw.

Rooms, from the inside out: ``record`` (the rows), ``schedule`` and ``journal`` (making them),
``history`` (reading them), ``transition`` and ``checks`` (judging them), ``report`` and ``cli``
(showing them). Arrows point inward; ``tests/unit/test_imports.py`` holds them.
"""
