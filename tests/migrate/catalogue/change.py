"""A deliberate change to ``shop.sql``, with the differences that must be found, and no others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """SQL that changes the database, and the differences that it makes, as they are written.

    ``newest_only``: PostgreSQL 18 has it first. ``is_a_persons``: the SQL that is given leaves something
    for a person, such as the order of columns.
    """

    sql: str
    finds: tuple[str, ...]
    newest_only: bool = False
    is_a_persons: bool = False
