"""Measurements that are never tests: ``make bench`` runs them and writes docs/performance.md."""
