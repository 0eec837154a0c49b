"""What a migration locks while others read and write, as PostgreSQL itself lists it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
import pytest_asyncio

from holdfast.migrate.engine import Done, migrate_up
from holdfast.migrate.errors import MigrationFailed
from holdfast.migrate.proof.locks.measuring import Lock, LocksTaken, measure
from holdfast.migrate.proof.rows.seeding import losses, seed
from holdfast.migrate.proof.session import ProofDatabase
from tests.fixtures.migrations import migration_files

TABLES = """
CREATE TABLE orders (id serial PRIMARY KEY, customer bigint, note text);
CREATE TABLE customers (id bigint PRIMARY KEY);
CREATE TABLE days (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE days1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE bare (n int NOT NULL) PARTITION BY RANGE (n);
CREATE VIEW noted AS SELECT id FROM orders WHERE note <> '';
"""


@pytest.fixture(params=["empty_conninfo", "debian_conninfo"])
def scratch_conninfo(request: pytest.FixtureRequest) -> str:
    """An empty database, on the embedded server and on Debian's."""
    return str(request.getfixturevalue(request.param))


@pytest_asyncio.fixture
async def shop(scratch_conninfo: str) -> AsyncIterator[ProofDatabase]:
    """A database with some tables and rows."""
    async with ProofDatabase(scratch_conninfo, application_name="test") as database:
        async with database.connection() as connection:
            await connection.execute(TABLES.encode(), prepare=False)
            await seed(connection)
        yield database


async def measured(database: ProofDatabase, up: str, *, header: str = "", budget: float = 2.0) -> LocksTaken:
    files = migration_files({"shop/0001_change": f"{header}\n-- UP\n{up}\n-- DOWN\nSELECT 1;\n"})
    done, taken = await measure(
        database.conninfo,
        files.ordered[0],
        lambda at: migrate_up(database, files=files, at=at),
        migrating=lambda: database.migrating,
        budget=budget,
    )
    assert [type(each) for each in done] == [Done]
    return taken


def modes(taken: LocksTaken) -> dict[str, tuple[str, str, int]]:
    return {lock.relation: (lock.mode, lock.blocks, lock.line) for lock in taken.locks}


ALTERING = ("ACCESS EXCLUSIVE", "reads and writes")


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        ("ALTER TABLE orders ADD COLUMN x int;", {"public.orders": (*ALTERING, 3)}),
        ("SELECT 1;\nCREATE INDEX ON orders (customer);", {"public.orders": ("SHARE", "writes", 4)}),
        ("CREATE TABLE new (id int);\nALTER TABLE new ADD COLUMN x int;", {}),
        ("UPDATE orders SET note = note;", {"public.orders": ("ROW EXCLUSIVE", "", 3)}),
        ("COMMENT ON TABLE orders IS 'x';", {"public.orders": ("SHARE UPDATE EXCLUSIVE", "", 3)}),
        ("DROP VIEW noted;", {"public.noted": (*ALTERING, 3)}),
        (
            # the strongest one, and the statement that took it
            "UPDATE orders SET note = note;\nALTER TABLE orders ADD COLUMN x int;",
            {"public.orders": (*ALTERING, 4)},
        ),
        (
            # a key to another table stops writes there, too
            "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers NOT VALID;",
            {
                "public.customers": ("SHARE ROW EXCLUSIVE", "writes", 3),
                "public.orders": ("SHARE ROW EXCLUSIVE", "writes", 3),
            },
        ),
        (
            "ALTER TABLE days ADD COLUMN x int;",
            {"public.days": (*ALTERING, 3), "public.days1": (*ALTERING, 3)},
        ),
        # the partition that its rows needed is nobody's
        ("ALTER TABLE bare ADD COLUMN x int;", {"public.bare": (*ALTERING, 3)}),
    ],
)
async def test_the_strongest_lock_on_what_stood_before_is_told_with_its_statement(
    shop: ProofDatabase, up: str, expected: dict[str, tuple[str, str, int]]
) -> None:
    assert modes(await measured(shop, up)) == expected


async def test_who_reads_and_writes_waits_as_long_as_the_lock_is_held(shop: ProofDatabase) -> None:
    taken = await measured(
        shop,
        "ALTER TABLE orders ADD COLUMN x int;\nSELECT pg_sleep(0.5);",
        header="-- lock-budget: 200ms",
    )
    assert taken.under_load == ("public.orders",)
    assert taken.budget_ms == 200
    [lock] = taken.over_budget
    assert (lock.relation, lock.mode, lock.line) == ("public.orders", "ACCESS EXCLUSIVE", 3)
    assert lock.held_ms > 500
    assert taken.reader_ms is not None
    assert taken.writer_ms is not None
    assert min(taken.reader_ms, taken.writer_ms) > 250


async def test_who_reads_does_not_wait_where_only_writes_are_kept_out(shop: ProofDatabase) -> None:
    taken = await measured(shop, "CREATE INDEX ON orders (customer);\nSELECT pg_sleep(0.5);", budget=60.0)
    assert taken.over_budget == ()
    assert taken.reader_ms is not None
    assert taken.writer_ms is not None
    assert taken.writer_ms > 250
    assert taken.reader_ms < taken.writer_ms


async def test_a_lock_within_a_statement_of_a_file_without_a_transaction_is_seen(shop: ProofDatabase) -> None:
    taken = await measured(
        shop,
        "ALTER TABLE orders ADD COLUMN x int;\n"
        "CREATE INDEX CONCURRENTLY orders_customer ON orders (customer);\n"
        "DO $$ BEGIN LOCK TABLE customers IN SHARE MODE; PERFORM pg_sleep(0.2); END $$;",
        header="-- no-transaction",
    )
    assert modes(taken)["public.orders"] == (*ALTERING, 3)
    assert modes(taken)["public.customers"] == ("SHARE", "writes", 5)
    # each step ends by itself what it locks: the first lock is gone long before the last statement
    held = {lock.relation: lock.held_ms for lock in taken.locks}
    assert held["public.orders"] < held["public.customers"]


@pytest.mark.parametrize(
    "up",
    [
        "DROP VIEW noted;\nDROP TABLE orders;",
        "ALTER TABLE orders RENAME TO purchases;",
        "ALTER TABLE customers RENAME id TO key;",
        "DROP VIEW noted;\nALTER TABLE orders ALTER note TYPE varchar(400);",
    ],
)
async def test_traffic_goes_on_whatever_becomes_of_the_tables(shop: ProofDatabase, up: str) -> None:
    assert (await measured(shop, up)).reader_ms is not None


async def test_traffic_changes_no_row(shop: ProofDatabase) -> None:
    async with shop.connection() as connection:
        seeded = await seed(connection)
        await measured(shop, "ALTER TABLE orders ADD x int;\nSELECT pg_sleep(0.05) FROM customers, days;")
        assert await losses(connection, seeded) == []


async def test_a_file_that_fails_fails_and_leaves_nobody_behind(shop: ProofDatabase) -> None:
    with pytest.raises(MigrationFailed, match="nope"):
        await measured(shop, "ALTER TABLE orders ADD COLUMN x int;\nALTER TABLE orders DROP COLUMN nope;")
    async with await psycopg.AsyncConnection.connect(shop.conninfo) as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'holdfast %' AND state = 'active'"
        )
        assert await cursor.fetchone() == (0,)


def test_what_was_taken_is_written_as_json() -> None:
    lock = Lock("public.orders", "SHARE", "writes", 1.5, 3)
    taken = LocksTaken((lock,), 2000.0, ("public.orders",), 0.4, 1.9)
    assert taken.to_json() == {
        "locks": [
            {"relation": "public.orders", "mode": "SHARE", "blocks": "writes", "held_ms": 1.5, "line": 3}
        ],
        "lock_budget_ms": 2000.0,
        "under_load": ["public.orders"],
        "reader_ms": 0.4,
        "writer_ms": 1.9,
    }
