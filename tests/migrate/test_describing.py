"""``holdfast migrate docs``: what it says of a database, and that it says it the same way each time."""

from __future__ import annotations

import psycopg

from holdfast.migrate.describing import as_markdown, describe
from holdfast.postgres.database import Database
from tests.fixtures.commands import HoldfastCommands

MADE = """
CREATE SCHEMA shop;
CREATE TABLE shop.customers (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL DEFAULT 'a|b' CHECK (name <> '')
);
COMMENT ON TABLE shop.customers IS 'Who *buys*.';
COMMENT ON COLUMN shop.customers.name IS E'As | printed\non letters';
CREATE TABLE shop.orders (
    customer BIGINT REFERENCES shop.customers,
    at DATE NOT NULL,
    cents INT,
    euros NUMERIC GENERATED ALWAYS AS (cents / 100.0) STORED
) PARTITION BY RANGE (at);
CREATE TABLE shop.orders_2026 PARTITION OF shop.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE INDEX orders_customer ON shop.orders (customer);
INSERT INTO shop.customers (name) SELECT 'c' || n FROM generate_series(1, 1200) AS n;
ANALYZE shop.customers;
CREATE VIEW shop.big AS SELECT * FROM shop.orders WHERE cents > 100;
"""


async def test_tables_are_described_with_all_that_belongs_to_them(empty_database: Database) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(MADE, prepare=False)
        relations = await describe(connection)
        assert await describe(connection, ["elsewhere"]) == []
    customers, orders = (
        next(each for each in relations if each.full_name == name)
        for name in ("shop.customers", "shop.orders")
    )
    assert [each.full_name for each in relations] == ["shop.big", "shop.customers", "shop.orders"]
    assert customers.rows == 1200
    assert customers.referred_to_by == ["shop.orders"]
    assert (orders.kind, orders.partitions, orders.rows) == ("partitioned table", 1, None)
    assert [index["name"] for index in orders.indexes] == ["orders_customer"]
    written = as_markdown(relations, title="Schema of shop")
    for line in (
        "2 tables, 1 view. Counts of rows are PostgreSQL's estimates.",
        "Who \\*buys\\*.",
        "| `name` | `text` | no | `'a\\|b'::text` | As \\| printed on letters |",
        "- `customers_pkey`: `PRIMARY KEY (id)`",
        "- `orders_customer_fkey`: `FOREIGN KEY (customer) REFERENCES shop.customers(id)`",
        "- `orders_customer`: `CREATE INDEX orders_customer ON ONLY shop.orders USING btree (customer)`",
        "Referred to by `shop.orders`.",
        "| `id` | `bigint` | no | `identity` |  |",
    ):
        assert f"{line}\n" in written
    assert "about 1,200 rows" in written
    assert "generated: " in written


def test_a_document_without_counts_changes_only_with_the_schema(
    holdfast: HoldfastCommands, empty_conninfo: str
) -> None:
    with psycopg.connect(empty_conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x INT)")
        before = holdfast.run("migrate", "docs", "--without-counts", DATABASE_URL=empty_conninfo).stdout
        connection.execute("INSERT INTO t SELECT generate_series(1, 5000)")
        connection.execute("ANALYZE t")
        assert "### public.t" in before
        arguments = ("migrate", "docs", "--without-counts", "--output", "schema.md")
        ended = holdfast.run(*arguments, "--dry-run", DATABASE_URL=empty_conninfo)
        written = holdfast.data_dir.parent / "schema.md"
        assert (ended.returncode, written.exists()) == (0, False)
        assert holdfast.run(*arguments, DATABASE_URL=empty_conninfo).returncode == 0
        assert written.read_text() == before
        (table,) = holdfast.json("migrate", "docs", "--schema", "public", DATABASE_URL=empty_conninfo)
        assert table["rows"] == 5000
    ended = holdfast.run("migrate", "docs", "--system", "nobody", DATABASE_URL=empty_conninfo)
    assert ended.returncode == 2
