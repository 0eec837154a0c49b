"""The SQL that mends runs as one transaction, and loses nothing that a change of name can save."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from holdfast.migrate.catalogue.comparing import compare
from holdfast.migrate.catalogue.mending import mend, mend_all
from holdfast.migrate.catalogue.reading import read_catalogue
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.system import Connection
from tests.fixtures.commands import HoldfastCommands

_ORDERS = """
CREATE SCHEMA sales;
CREATE TYPE sales.state AS ENUM ('new', 'paid', 'sent');
CREATE TABLE sales.orders (
    id bigint PRIMARY KEY,
    state sales.state NOT NULL DEFAULT 'new',
    CONSTRAINT known CHECK (state <> 'sent' OR id > 0)
);
ALTER TABLE sales.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY open ON sales.orders USING (state = 'new');
COMMENT ON POLICY open ON sales.orders IS 'Not paid yet.';
CREATE INDEX orders_open ON sales.orders (id) WHERE state = 'new';
CREATE VIEW sales.open_orders AS SELECT id, state FROM sales.orders WHERE state <> 'sent';
CREATE VIEW sales.open_count AS SELECT count(*) AS count FROM sales.open_orders;
CREATE FUNCTION sales.is_open(state sales.state) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE TABLE sales.log (id bigint, state sales.state, before sales.state[]) PARTITION BY RANGE (id);
CREATE TABLE sales.log_all PARTITION OF sales.log DEFAULT;
INSERT INTO sales.orders VALUES (1, 'new'), (2, 'sent');
"""
_PARTITIONS = """
CREATE SCHEMA sales;
CREATE TABLE sales.persons (id bigint PRIMARY KEY);
CREATE TABLE sales.orders (id bigint, at date, person bigint REFERENCES sales.persons, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE INDEX orders_person_idx ON sales.orders (person);
CREATE TABLE sales.orders_2025 PARTITION OF sales.orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE sales.orders_2026 PARTITION OF sales.orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
COMMENT ON INDEX sales.orders_2026_person_idx IS 'Whose.';
CREATE VIEW sales.now AS SELECT o.id, p.id AS person
    FROM sales.orders_2026 o JOIN sales.persons p ON p.id = o.person;
INSERT INTO sales.persons VALUES (1);
INSERT INTO sales.orders VALUES (1, '2026-02-01', 1);
"""
_SCHEMA = """
CREATE SCHEMA core;
COMMENT ON SCHEMA core IS 'The heart.';
GRANT USAGE ON SCHEMA core TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA core GRANT SELECT ON TABLES TO PUBLIC;
CREATE TYPE core.state AS ENUM ('new');
CREATE TABLE core.persons (id serial PRIMARY KEY, core text, state core.state DEFAULT 'new');
CREATE TABLE core.notes (id bigint PRIMARY KEY, person integer REFERENCES core.persons);
CREATE INDEX notes_person ON core.notes (person);
CREATE VIEW core.all_notes AS SELECT n.id, p.core FROM core.notes n JOIN core.persons p ON p.id = n.person;
CREATE FUNCTION core.count_of(core.persons) RETURNS bigint LANGUAGE sql SET search_path = core
    AS 'SELECT count(*) FROM core.notes';
CREATE TRIGGER same BEFORE UPDATE ON core.notes FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
INSERT INTO core.persons (core) VALUES ('a');
"""
_COMPUTED = """
CREATE TABLE public.prices (id bigint PRIMARY KEY, net numeric,
    gross numeric GENERATED ALWAYS AS (net * 1.2) STORED);
"""


@dataclass(frozen=True)
class Case:
    """A change, a part of the SQL that mends it, what that must not hold, and a query of its rows."""

    before: str
    change: str
    holds: str = ""
    without: tuple[str, ...] = ()
    rows: str = ""


_LOSSY = ("DROP ", "CREATE ")
CASES = {
    "label added under a policy and views": Case(
        _ORDERS,
        "ALTER TYPE sales.state ADD VALUE 'lost'",
        "DROP POLICY open ON sales.orders;",
        rows="SELECT id || state::text AS row FROM sales.orders ORDER BY id",
    ),
    "label renamed under a policy and views": Case(
        _ORDERS,
        "ALTER TYPE sales.state RENAME VALUE 'sent' TO 'gone'",
        "ALTER TYPE sales.state RENAME VALUE 'gone' TO 'sent';",
        ("DROP TYPE", "CREATE TYPE", "ALTER COLUMN state TYPE"),
    ),
    "two labels exchanged": Case(
        _ORDERS,
        "ALTER TYPE sales.state RENAME VALUE 'sent' TO 'other';"
        "ALTER TYPE sales.state RENAME VALUE 'paid' TO 'sent';"
        "ALTER TYPE sales.state RENAME VALUE 'other' TO 'paid'",
    ),
    "column dropped with a generated one on it": Case(
        _COMPUTED, "ALTER TABLE public.prices DROP COLUMN net CASCADE", "ADD COLUMN gross"
    ),
    "partition renamed": Case(
        _PARTITIONS,
        "ALTER TABLE sales.orders_2026 RENAME TO orders_a",
        "ALTER TABLE sales.orders_a RENAME TO orders_2026;",
        _LOSSY,
        "SELECT id::text AS row FROM sales.orders_2026",
    ),
    "partition renamed, another dropped": Case(
        _PARTITIONS,
        "ALTER TABLE sales.orders_2026 RENAME TO orders_a; DROP TABLE sales.orders_2025",
        "ALTER TABLE sales.orders_a RENAME TO orders_2026;",
        ("DROP ",),
        "SELECT id::text AS row FROM sales.orders_2026",
    ),
    "partition's index renamed": Case(
        _PARTITIONS,
        "ALTER INDEX sales.orders_2026_person_idx RENAME TO by_person",
        "ALTER INDEX sales.by_person RENAME TO orders_2026_person_idx;",
        _LOSSY,
    ),
    "partition and all of its indexes renamed": Case(
        _PARTITIONS,
        "ALTER TABLE sales.orders_2026 RENAME TO a; ALTER INDEX sales.orders_2026_person_idx RENAME TO b;"
        "ALTER INDEX sales.orders_person_idx RENAME TO c",
        "ALTER INDEX sales.c RENAME TO orders_person_idx;",
        _LOSSY,
    ),
    "constraint renamed": Case(
        _PARTITIONS,
        "ALTER TABLE sales.persons RENAME CONSTRAINT persons_pkey TO who",
        "ALTER TABLE sales.persons RENAME CONSTRAINT who TO persons_pkey;",
        _LOSSY,
    ),
    "table renamed with a view in its place": Case(
        _SCHEMA,
        "ALTER TABLE core.notes RENAME TO old_notes; CREATE VIEW core.notes AS SELECT 1 AS one",
        "ALTER TABLE core.old_notes RENAME TO notes;",
        ("DROP TABLE",),
    ),
    "schema renamed": Case(
        _SCHEMA,
        "ALTER SCHEMA core RENAME TO kore",
        "ALTER SCHEMA kore RENAME TO core;",
        _LOSSY,
        "SELECT core AS row FROM core.persons",
    ),
    "schema renamed and changed": Case(
        _SCHEMA,
        "ALTER SCHEMA core RENAME TO kore; DROP INDEX kore.notes_person;"
        "ALTER TABLE kore.notes RENAME TO notices",
        "CREATE INDEX notes_person",
        ("DROP ", "CREATE TABLE"),
        "SELECT core AS row FROM core.persons",
    ),
    "schema dropped and another made": Case(
        _SCHEMA,
        "DROP SCHEMA core CASCADE; CREATE SCHEMA other; CREATE TABLE other.t ()",
        "CREATE SCHEMA core;",
    ),
}


@pytest.mark.parametrize("own", ["empty_conninfo", "debian_conninfo"], ids=["embedded", "debian"])
async def test_it_mends_in_one_transaction(
    request: pytest.FixtureRequest, settings: Settings, own: str, subtests: pytest.Subtests
) -> None:
    async with (
        Database.open(request.getfixturevalue(own), settings, min_size=1) as database,
        database.connection() as connection,
    ):
        for name, case in CASES.items():
            with subtests.test(name):
                async with connection.transaction(force_rollback=True):
                    await connection.execute(case.before.encode())
                    rows = await _rows(connection, case)
                    expected = await read_catalogue(connection)
                    await connection.execute(case.change.encode())
                    found = await read_catalogue(connection)
                    differences = compare(expected, found)
                    mending = "\n".join(mend_all(differences, expected, found))
                    assert case.holds in mending
                    assert not [each for each in case.without if each in mending]
                    if case.holds.endswith(";") and "RENAME" in case.holds:
                        assert case.holds in str([mend(each, expected, found) for each in differences])
                    if name == "schema renamed":  # what nobody manages is not to be mended: the other name
                        missing = [each for each in differences if each.what == "missing"]
                        assert mend_all(missing, expected, found)[0].endswith(case.holds)
                    await connection.execute(mending.encode())
                    left = compare(expected, await read_catalogue(connection))
                    assert [str(each) for each in left if not each.only_order] == []
                    assert await _rows(connection, case) == rows


async def _rows(connection: Connection, case: Case) -> list[str]:
    if not case.rows:
        return []
    return [row["row"] for row in await (await connection.execute(case.rows.encode())).fetchall()]


def test_naming_no_file_is_wrong_use(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("migrate", "diff", "nowhere.json", "files")
    assert (ended.returncode, "nowhere.json is no file" in ended.stderr) == (2, True)
