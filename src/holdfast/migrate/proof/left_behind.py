"""What a killed migration left behind: told by the transactions that were committed since."""

from __future__ import annotations

import asyncio
import time

from holdfast.errors import TryAgain
from holdfast.migrate.proof.kills import CHILD
from holdfast.migrate.proof.session import ProofDatabase
from holdfast.postgres.statements import Statements

_STATEMENTS = Statements("holdfast.migrate.proof", "left_behind.sql")
_CHILD_GONE_WITHIN = 15.0


async def next_transaction(database: ProofDatabase) -> int:
    """Return the number that the next transaction that writes will get."""
    async with database.connection() as connection:
        row = await (await connection.execute(_STATEMENTS["next_transaction"])).fetchone()
        assert row is not None  # noqa: S101  it has no condition
        return int(row["next"])


async def committed_since(database: ProofDatabase, newest: int) -> bool:
    """Wait until the killed child's sessions are gone; tell whether anything of it was committed.

    A lease that it held ends by itself after some seconds; it is ended now, because waiting for that
    would prove nothing more.
    """
    deadline = time.monotonic() + _CHILD_GONE_WITHIN
    async with database.connection() as connection:
        while await (await connection.execute(_STATEMENTS["child"], {"name": CHILD})).fetchone():
            if time.monotonic() > deadline:
                raise TryAgain(
                    f"A killed migration's session did not end within {_CHILD_GONE_WITHIN:.0f} s.",
                    hint="Prove it again on a machine that does less at once.",
                )
            await asyncio.sleep(0.001)
        committed = await (
            await connection.execute(_STATEMENTS["committed_since"], {"next": newest})
        ).fetchone()
        if committed is not None:
            await connection.execute(_STATEMENTS["end_lease"])
        return committed is not None
