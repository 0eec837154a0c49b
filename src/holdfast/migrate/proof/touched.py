"""Which tables a migration could have written to, by the locks that it holds before its commit.

To change a row or a table, PostgreSQL takes a lock stronger than a reader's and keeps it until the end of
the transaction; so the rows of all other tables are as they were. A trigger that is deferred to the
commit writes after that look: where there is one, any table may have been written to.
"""

from __future__ import annotations

from holdfast.migrate.proof.session import ProofDatabase
from holdfast.postgres.statements import Statements

_STATEMENTS = Statements("holdfast.migrate.proof", "touched.sql")


class TouchedTables:
    """Looks at the locks of a run; ``at`` is the engine's hook.

    ``touched`` are tables by oid, partitioned ones by their root; None where it cannot be known: a file
    without a transaction (not ``whole``) lets its locks go on the way, a deferred trigger has yet to run.
    """

    def __init__(self, database: ProofDatabase, *, whole: bool) -> None:
        self._database = database
        self._whole = whole
        self.touched: set[int] | None = None

    async def at(self, place: str) -> None:
        """Look, where the place is the last before the commit."""
        if place != "before commit" or not self._whole:
            return
        async with self._database.direct() as migrating:  # which sees triggers that nobody else can
            cursor = await migrating.execute(_STATEMENTS["deferred"], prepare=False)
            row = await cursor.fetchone()
        if row is None or row["deferred"]:
            return
        async with self._database.connection() as connection:
            cursor = await connection.execute(_STATEMENTS["touched"], {"pid": self._database.migrating})
            self.touched = {row["oid"] for row in await cursor.fetchall()}
