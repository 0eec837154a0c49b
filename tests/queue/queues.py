"""Two queues that every rule must hold for: the platform's own, and one that a system would own."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from holdfast.postgres.database import Database
from holdfast.queue.claims import JobId, QueueTable
from holdfast.system import Connection

LETTERS = QueueTable("post office", "letters", running="sending", channel="post_letters", kind="kind")
_LETTERS = """
CREATE SCHEMA IF NOT EXISTS "post office";
CREATE TABLE IF NOT EXISTS "post office".letters (
    id           TEXT PRIMARY KEY DEFAULT gen_random_uuid()::text,
    kind         TEXT NOT NULL DEFAULT 'letter',
    status       TEXT NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'sending', 'retrying', 'succeeded', 'dead', 'cancelled')),
    priority     INTEGER NOT NULL DEFAULT 1,
    due_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    attempts     INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 8,
    leased_by    TEXT,
    leased_until TIMESTAMPTZ,
    last_error   TEXT,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at  TIMESTAMPTZ,
    CHECK ((status = 'sending') = (leased_by IS NOT NULL) AND (leased_by IS NULL) = (leased_until IS NULL)),
    CHECK ((status IN ('succeeded', 'dead', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE OR REPLACE TRIGGER letters_notify AFTER INSERT ON "post office".letters
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION holdfast.notify_added('post_letters');
"""


@dataclass
class Filled:
    """An empty queue to be filled, and a look at what is in it."""

    queue: QueueTable
    database: Database

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.queue.schema, self.queue.table)

    async def add(self, connection: Connection, count: int = 1, **columns: object) -> list[JobId]:
        """Add rows in one statement and return their ids; ``due_in`` is in seconds."""
        due_in = columns.pop("due_in", 0)
        columns.setdefault("kind", "letter")
        cursor = await connection.execute(
            sql.SQL(
                "INSERT INTO {} (due_at, {}) SELECT statement_timestamp() + make_interval(secs => {}), {}"
                " FROM generate_series(1, {}) RETURNING id"
            ).format(
                self.name,
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Literal(due_in),
                sql.SQL(", ").join(map(sql.Literal, columns.values())),
                sql.Literal(count),
            )
        )
        return [row["id"] for row in await cursor.fetchall()]

    async def counts(self) -> dict[str, int]:
        rows = await self.database.fetch(
            sql.SQL("SELECT status, count(*) AS rows FROM {} GROUP BY status").format(self.name)
        )
        return {row["status"]: row["rows"] for row in rows}

    async def row(self, job_id: JobId) -> dict[str, object]:
        rows = await self.database.fetch(
            sql.SQL("SELECT * FROM {} WHERE id = {}").format(self.name, sql.Literal(job_id))
        )
        return rows[0]

    async def expire(self) -> None:
        """Let all leases run out."""
        await self.database.execute(
            sql.SQL("UPDATE {} SET leased_until = statement_timestamp() WHERE leased_by IS NOT NULL").format(
                self.name
            )
        )


async def emptied(queue: QueueTable, database: Database) -> Filled:
    made = Filled(queue, database)
    if queue is LETTERS:
        await database.execute(sql.SQL(_LETTERS))
    await database.execute(sql.SQL("TRUNCATE {}").format(made.name))
    return made
