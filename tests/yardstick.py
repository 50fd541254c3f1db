"""How slow the machine is, so that a limit in seconds asks the same of each."""

from __future__ import annotations

import sqlite3
import time

_USUAL = 0.045
"""Seconds that the work should take on the machine for which limits are written. Not measured there: reckoned from one that is
about two and a half times as slow, where it takes 0.09 to 0.16."""
_WORK = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150000) "
    "SELECT i % 997, count(*), sum(i) FROM n GROUP BY 1 ORDER BY 2"
)


def slower() -> float:
    """How many times longer the same work takes now than usually, at least 1. The best of five: what else runs is not meant."""
    took = []
    with sqlite3.connect(":memory:") as conn:
        for _ in range(5):
            began = time.perf_counter()
            conn.execute(_WORK).fetchall()
            took.append(time.perf_counter() - began)
    return max(1.0, min(took) / _USUAL)
