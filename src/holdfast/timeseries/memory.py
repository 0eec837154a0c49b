"""What this process knows to exist, so that the hot path asks the database nothing.

It is kept for each ``Database``, holds only what was committed or read outside of a transaction, and
lapses after a few seconds, because another process may drop a partition at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from weakref import WeakKeyDictionary

from holdfast.postgres.database import Database

KEEP_SECONDS = 10.0
_known: WeakKeyDictionary[Database, dict[str, dict[datetime, float]]] = WeakKeyDictionary()


def all_known(database: Database, table: str, starts: Iterable[datetime]) -> bool:
    """Tell whether the steps that begin at ``starts`` were all seen to exist a moment ago."""
    known = _known.get(database, {}).get(table, {})
    limit = time.monotonic() - KEEP_SECONDS
    return all(known.get(start, limit) > limit for start in starts)


def remember(database: Database, table: str, starts: Iterable[datetime]) -> None:
    """Note that these steps exist, as of now."""
    now = time.monotonic()
    known = _known.setdefault(database, {}).setdefault(table, {})
    for start in [start for start, seen in known.items() if seen <= now - KEEP_SECONDS]:
        del known[start]
    known.update(dict.fromkeys(starts, now))


def forget(table: str) -> None:
    """Forget a table's partitions: they were dropped, or PostgreSQL refused a row for want of one (23514)."""
    for tables in list(_known.values()):
        tables.pop(table, None)
