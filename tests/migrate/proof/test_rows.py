"""Rows made from the catalogue alone, and what is found to be lost of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from holdfast.migrate.catalogue.reading import fingerprint
from holdfast.migrate.proof.rows.catalogue import read_tables
from holdfast.migrate.proof.rows.kept import whole_names
from holdfast.migrate.proof.rows.patterns import matching
from holdfast.migrate.proof.rows.seeding import Seeded, losses, read_rules, seed, withdraw
from holdfast.migrate.proof.rows.values import values_of
from holdfast.system import Connection
from tests.fixtures.servers import temporary_database


@pytest.fixture(params=["empty_conninfo", "debian_conninfo"])
def scratch_conninfo(request: pytest.FixtureRequest) -> str:
    """An empty database, on the embedded server and on Debian's."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture(params=["conninfo", "debian_migrated"])
def migrated_conninfo(request: pytest.FixtureRequest) -> str:
    """A database with everything migrated, on the embedded server and on Debian's."""
    return str(request.getfixturevalue(request.param))


@pytest_asyncio.fixture
async def scratch(scratch_conninfo: str) -> AsyncIterator[Connection]:
    """A connection to an empty database."""
    async with await psycopg.AsyncConnection.connect(scratch_conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def plain_conninfo(server: str) -> Iterator[str]:
    """An empty database of this module's own: its tests roll back what they do."""
    with temporary_database(server) as made:
        yield made


def table_of(seeded: Seeded, name: str) -> list[tuple[str | None, ...]]:
    return [row.values for table in seeded.tables.values() if table.shape.name == name for row in table.rows]


async def run(connection: Connection, text: str) -> None:
    await connection.execute(text.encode(), prepare=False)


async def test_every_table_of_holdfast_and_its_systems_takes_rows(migrated_conninfo: str) -> None:
    async with await psycopg.AsyncConnection.connect(migrated_conninfo, autocommit=True) as connection:
        seeded = await seed(connection)
        assert seeded.not_seeded == {}
        assert {len(table.rows) >= 3 for table in seeded.tables.values()} == {True}
        assert "triggers.events" in {table.shape.name for table in seeded.tables.values()}
        # What a condition may say is checked by a trigger alone, which the catalogue does not tell.
        assert set(seeded.around_triggers) == {"triggers.trigger_conditions"}
        assert await losses(connection, seeded) == []


SCHEMAS = {
    "check in a list": ("CREATE TABLE t (s text NOT NULL CHECK (s IN ('a', 'b')))", 3),
    "check with a pattern": (r"CREATE TABLE t (s text NOT NULL UNIQUE CHECK (s ~ '^\+[1-9]\d{6,14}$'))", 3),
    "check with a folded pattern": ("CREATE TABLE t (s text NOT NULL CHECK (s ~* '^0x[A-F0-9]{40}$'))", 3),
    "check with LIKE": ("CREATE TABLE t (s text NOT NULL CHECK (s LIKE 'https://%'))", 3),
    "check with SIMILAR TO": ("CREATE TABLE t (s text NOT NULL CHECK (s SIMILAR TO '[A-Z]{2}'))", 3),
    "check of a length": ("CREATE TABLE t (s text NOT NULL CHECK (char_length(s) = 12))", 3),
    "check of bytes": ("CREATE TABLE t (b bytea NOT NULL CHECK (octet_length(b) = 32))", 3),
    "check of a case": ("CREATE TABLE t (s char(3) NOT NULL CHECK (s = upper(s)))", 3),
    "check of a range": ("CREATE TABLE t (n numeric(9, 6) NOT NULL CHECK (n BETWEEN 100.5 AND 101))", 3),
    "check of two columns": ("CREATE TABLE t (a date NOT NULL, b date NOT NULL, CHECK (b > a))", 3),
    "check that one is set": ("CREATE TABLE t (a text, b int, c uuid, CHECK (num_nonnulls(a, b, c) = 1))", 3),
    "check of JSON": (
        "CREATE TABLE t (j jsonb NOT NULL CHECK (jsonb_typeof(j -> 'tags') = 'array' AND j ? 'tags'))",
        3,
    ),
    "check of an array": ("CREATE TABLE t (a text[] NOT NULL CHECK (cardinality(a) > 1))", 3),
    "check of states": (
        "CREATE TABLE t (s text NOT NULL DEFAULT 'draft' CHECK (s IN ('draft', 'paid', 'void')),"
        " paid timestamptz, why text, CHECK ((s = 'paid') = (paid IS NOT NULL)),"
        " CHECK (s <> 'void' OR length(why) > 5))",
        3,
    ),
    "check never true": ("CREATE TABLE t (n int NOT NULL CHECK (false))", 0),
    "enum": ("CREATE TYPE e AS ENUM ('x', 'y'); CREATE TABLE t (e e NOT NULL, es e[] NOT NULL)", 3),
    "domain": (
        "CREATE DOMAIN d AS text NOT NULL CHECK (VALUE ~ '^[a-z.]+@[a-z]+[.]org$');"
        "CREATE DOMAIN dd AS d CHECK (length(VALUE) < 30); CREATE TABLE t (d dd)",
        3,
    ),
    "composite": ("CREATE TYPE c AS (a text, b int); CREATE TABLE t (c c NOT NULL, cs c[] NOT NULL)", 3),
    "generated": ("CREATE TABLE t (a int NOT NULL, b int GENERATED ALWAYS AS (a * 2) STORED)", 3),
    "identity": ("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)", 3),
    "no column": ("CREATE TABLE t ()", 3),
    "few keys": ("CREATE TABLE t (id smallint PRIMARY KEY CHECK (id IN (1, 2)))", 2),
    "one row": ("CREATE TABLE t (one boolean PRIMARY KEY DEFAULT true CHECK (one))", 1),
    "folded key": (
        "CREATE TABLE t (s varchar(3) NOT NULL); CREATE UNIQUE INDEX ON t (lower(s))",
        3,
    ),
    "deferred key": ("CREATE TABLE t (n int NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED)", 3),
    "exclusion": ("CREATE TABLE t (during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&))", 3),
    "keys that share a column": (
        "CREATE TABLE tenants (id uuid PRIMARY KEY DEFAULT gen_random_uuid());"
        "CREATE TABLE users (tenant uuid REFERENCES tenants, id int, PRIMARY KEY (tenant, id));"
        "CREATE TABLE jobs (tenant uuid REFERENCES tenants, id serial, PRIMARY KEY (tenant, id));"
        "CREATE TABLE t (tenant uuid, u int, job int, PRIMARY KEY (tenant, u, job),"
        " FOREIGN KEY (tenant, u) REFERENCES users, FOREIGN KEY (tenant, job) REFERENCES jobs)",
        3,
    ),
    "key to itself": ("CREATE TABLE t (id bigserial PRIMARY KEY, root bigint NOT NULL REFERENCES t)", 3),
    "tables in a circle": (
        "CREATE TABLE o (id int PRIMARY KEY, t int NOT NULL);"
        "CREATE TABLE t (id int PRIMARY KEY, o int NOT NULL REFERENCES o DEFERRABLE INITIALLY DEFERRED);"
        "ALTER TABLE o ADD FOREIGN KEY (t) REFERENCES t DEFERRABLE INITIALLY DEFERRED",
        3,
    ),
    "range of partitions": (
        "CREATE TABLE t (at timestamptz NOT NULL, n int) PARTITION BY RANGE (at);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
        3,
    ),
    "list of partitions": (
        "CREATE TABLE t (region text NOT NULL) PARTITION BY LIST (region);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN ('eu', 'us')",
        3,
    ),
    "hash of partitions": (
        "CREATE TABLE t (n int NOT NULL) PARTITION BY HASH (n);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        3,
    ),
    "no partition": ("CREATE TABLE t (at date NOT NULL, n int) PARTITION BY RANGE (at, n)", 3),
    "no partition below": (
        "CREATE TABLE t (at date NOT NULL, r text) PARTITION BY RANGE (at);"
        "CREATE TABLE t1 PARTITION OF t DEFAULT PARTITION BY LIST (r)",
        3,
    ),
    "row security": (
        "CREATE TABLE t (a text); ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        3,
    ),
    "inheritance": ("CREATE TABLE p (a int); CREATE TABLE t (b int) INHERITS (p)", 3),
    "odd names": (
        'CREATE TABLE t ("Some Value" text CHECK (length("Some Value") > 2), "select" int, "per%cent" text,'
        " \"br{ace}\" text DEFAULT '{x}%')",
        3,
    ),
    "interval check": ("CREATE TABLE t (at timestamptz NOT NULL CHECK (at > '2031-05-05'))", 3),
}


@pytest.mark.parametrize("name", list(SCHEMAS))
async def test_rows_are_valid(plain_conninfo: str, name: str) -> None:
    text, count = SCHEMAS[name]
    async with await psycopg.AsyncConnection.connect(plain_conninfo) as connection:
        await run(connection, f"CREATE SCHEMA made; SET LOCAL search_path = made; {text}")
        seeded = await seed(connection)
        assert len(table_of(seeded, "made.t")) == count
        assert ("made.t" in seeded.not_seeded) == (count == 0)
        assert "made.t" not in seeded.around_triggers
        # PostgreSQL takes each table with its rows for valid, as it does when it restores one.
        for table in seeded.tables.values():
            if table.shape.schema == "made":
                await run(connection, f'ALTER TABLE made."{table.shape.table}" ADD CHECK (true)')
        await connection.rollback()


async def test_every_type_that_is_known_has_values_that_the_server_takes(plain_conninfo: str) -> None:
    async with await psycopg.AsyncConnection.connect(plain_conninfo, autocommit=True) as connection:
        async with connection.transaction(), whole_names(connection):
            types = (await read_tables(connection)).types
        tried = 0
        for kind in types.values():
            values = values_of(types, kind.oid)
            # libxml is an option of the server's build
            if values is None or kind.schema != "pg_catalog" or kind.name in ("xml", "_xml"):
                continue
            tried += 1
            for make in (values.plain, values.edge):
                for number in (1, 299):
                    await connection.execute(b"SELECT " + make(number).as_bytes(connection), prepare=False)
        assert tried > 90


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        "^[^@[:space:]]+@[^@[:space:]]+$",
        "^0x[0-9a-f]{40}$",
        r"^\d{4}-\d{2}(-\d{2})?$",
        "^(foo|bar)+(?:baz)*$",
        r"^https?://[^/]+(/.*)?$",
        r"^\w+\.\w+$",
        "^.{3,5}$",
        "^[]a-]b$",
        r"^a\{b\}$",
        "^[[:upper:]]{2}[[:digit:]]{2}[[:alnum:]]{11,30}$",
        r"\mword\M",
        "^$",
    ],
)
async def test_patterns_are_matched(plain_conninfo: str, pattern: str) -> None:
    async with await psycopg.AsyncConnection.connect(plain_conninfo) as connection:
        for number in (0, 1, 12345):
            for length in (0, 4, 12):
                cursor = await connection.execute(
                    "SELECT %s::text ~ %s", [matching(pattern, number, length), pattern]
                )
                assert await cursor.fetchone() == (True,)


@pytest.mark.parametrize("pattern", ["^(a$", "[", "a{2", "a\\"])
def test_a_pattern_that_is_none_is_not_understood(pattern: str) -> None:
    assert matching(pattern, 1) is None or pattern == "a{2"


BEFORE = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (
    id bigint PRIMARY KEY, name text NOT NULL, mood mood, age int, seen timestamptz, note text
);
CREATE TABLE pets (
    id serial PRIMARY KEY, owner bigint NOT NULL REFERENCES people ON DELETE CASCADE, name varchar(40)
);
CREATE TABLE loose (a int, b text);
CREATE TABLE days (day date NOT NULL, n int) PARTITION BY RANGE (day);
CREATE TABLE days1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at = now(); RETURN NEW; END $$;
CREATE TABLE touched (id serial PRIMARY KEY, v text, w text, at timestamptz NOT NULL DEFAULT now());
CREATE TRIGGER touch BEFORE UPDATE ON touched FOR EACH ROW EXECUTE FUNCTION touch();
"""
CHANGES = {
    "nothing": ("SELECT 1", []),
    "a new column": ("ALTER TABLE people ADD COLUMN x int NOT NULL DEFAULT 5", []),
    "a new name of a table": ("ALTER TABLE people RENAME TO persons", []),
    "another schema": ("CREATE SCHEMA s; ALTER TABLE people SET SCHEMA s", []),
    "a new name of a column": ("ALTER TABLE people RENAME name TO full_name", []),
    "names exchanged": (
        "ALTER TABLE people RENAME name TO x; ALTER TABLE people RENAME note TO name;"
        "ALTER TABLE people RENAME x TO note",
        [],
    ),
    "a wider type": ("ALTER TABLE pets ALTER id TYPE bigint, ALTER name TYPE text", []),
    "another type": (
        "ALTER TABLE people ALTER age TYPE text, ALTER mood TYPE text, ALTER name TYPE text",
        [],
    ),
    "an enum rebuilt": (
        "ALTER TYPE mood RENAME TO old; CREATE TYPE mood AS ENUM ('happy', 'sad', 'ok');"
        "ALTER TABLE people ALTER mood TYPE mood USING mood::text::mood; DROP TYPE old",
        [],
    ),
    "a table rebuilt": (
        "CREATE TABLE new (LIKE loose); INSERT INTO new SELECT * FROM loose; DROP TABLE loose;"
        "ALTER TABLE new RENAME TO loose",
        [],
    ),
    "a column rebuilt": (
        "ALTER TABLE people ADD x text; UPDATE people SET x = note; ALTER TABLE people DROP note;"
        "ALTER TABLE people RENAME x TO note",
        [],
    ),
    "NULL filled": ("UPDATE people SET note = 'none' WHERE note IS NULL", []),
    "a time moved on by the table's trigger": ("UPDATE touched SET w = 'x' WHERE w IS NULL", []),
    "a partition taken off": ("ALTER TABLE days DETACH PARTITION days1", []),
    "a partition divided": (
        "ALTER TABLE days DETACH PARTITION days1; CREATE TABLE d2 PARTITION OF days DEFAULT;"
        "INSERT INTO days SELECT * FROM days1; DROP TABLE days1",
        [],
    ),
    "more rows": ("INSERT INTO loose VALUES (7, 'more')", []),
    "rows copied and taken away": ("INSERT INTO loose SELECT * FROM loose; DELETE FROM loose", ["rows gone"]),
    "a table dropped": ("DROP TABLE loose", ["table gone"]),
    "a column dropped": ("ALTER TABLE people DROP COLUMN note", ["column gone"]),
    "a column dropped and made again": (
        "ALTER TABLE people DROP COLUMN note; ALTER TABLE people ADD note text",
        ["values changed"],
    ),
    "rows deleted": ("DELETE FROM loose WHERE a = (SELECT min(a) FROM loose)", ["rows gone"]),
    "rows deleted by a key": ("DELETE FROM people", ["rows gone", "rows gone"]),
    "a table emptied": ("TRUNCATE days", ["rows gone"]),
    "a partition dropped": ("DROP TABLE days1", ["rows gone"]),
    "text cut off": (
        "ALTER TABLE people ALTER note TYPE varchar(20) USING left(note, 20)",
        ["values changed"],
    ),
    "microseconds cut off": ("ALTER TABLE people ALTER seen TYPE timestamptz(0)", ["values changed"]),
    "a time made a day": ("ALTER TABLE people ALTER seen TYPE date", ["values changed"]),
    "a number made a flag": ("ALTER TABLE people ALTER age TYPE boolean USING age > 0", ["values changed"]),
    "labels thrown together": (
        "ALTER TABLE people ALTER mood TYPE mood USING 'sad'::mood",
        ["values changed"],
    ),
    "values overwritten": ("UPDATE people SET name = 'x'", ["values changed"]),
    "values set to NULL": ("UPDATE loose SET b = NULL", ["values changed"]),
    "values overwritten in a table with a trigger": ("UPDATE touched SET v = 'x'", ["values changed"]),
    "keys changed": ("UPDATE loose SET a = a + 1000", ["values changed"]),
    "two columns exchanged": (
        "UPDATE people SET name = note, note = name WHERE note IS NOT NULL",
        ["values changed"] * 2,
    ),
}


@pytest_asyncio.fixture
async def made(plain_conninfo: str) -> AsyncIterator[Connection]:
    """A connection in a transaction that is rolled back, in a schema with some tables."""
    async with await psycopg.AsyncConnection.connect(plain_conninfo) as connection:
        await run(connection, f"CREATE SCHEMA made; SET search_path = made; {BEFORE}")
        yield connection
        await connection.rollback()


@pytest.mark.parametrize("name", list(CHANGES))
async def test_losses_are_found_and_nothing_else(made: Connection, name: str) -> None:
    change, expected = CHANGES[name]
    seeded = await seed(made)
    assert not [table for table in seeded.not_seeded if table.startswith("made.")]
    await run(made, change)
    found = await losses(made, seeded)
    assert [loss.what for loss in found] == expected, [str(loss) for loss in found]


async def test_a_loss_is_told_with_an_example(made: Connection) -> None:
    seeded = await seed(made)
    await run(
        made,
        "ALTER TABLE people ALTER mood TYPE text USING 'glad', DROP note; DELETE FROM pets; DROP TABLE loose",
    )
    assert {str(loss) for loss in await losses(made, seeded)} == {
        "the column made.people.note is gone, with values of 2 rows",
        "made.people.mood has changed in 2 rows, such as 'happy' to 'glad'",
        "3 rows of made.pets are gone, such as id '1000000001'",
        "the table made.loose is gone, with 3 rows",
    }


async def test_rows_that_triggers_refuse_are_put_in_without_them(scratch: Connection) -> None:
    await run(
        scratch,
        "CREATE TABLE log (n int); CREATE TABLE t (v text);"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not like this'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    seeded = await seed(scratch)
    assert len(table_of(seeded, "public.t")) == 3
    assert seeded.around_triggers == {"public.t": "not like this"}


async def test_a_partition_made_for_rows_leaves_the_catalogue_when_it_is_withdrawn(
    scratch: Connection,
) -> None:
    await run(
        scratch,
        "CREATE TABLE a (at timestamptz NOT NULL) PARTITION BY RANGE (at);"
        "CREATE TABLE h (n int NOT NULL) PARTITION BY HASH (n);"
        "CREATE TABLE e (n int NOT NULL) PARTITION BY RANGE ((n + 1))",
    )
    before = await fingerprint(scratch)
    seeded = await seed(scratch)
    assert len(table_of(seeded, "public.a")) == 3
    assert seeded.not_seeded == {
        "public.h": "it is partitioned by hash and has no partition",
        "public.e": "it is partitioned by an expression and has no partition",
    }
    assert await fingerprint(scratch) != before
    async with scratch.transaction(force_rollback=True):
        await withdraw(scratch, seeded)
        assert await fingerprint(scratch) == before
    # What later files may make does not overlap with it.
    await run(scratch, "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
    assert await losses(scratch, seeded) == []
    await withdraw(scratch, seeded)
    assert [loss.what for loss in await losses(scratch, seeded)] == ["rows gone"]


async def test_sequences_stay_where_they_are(scratch: Connection) -> None:
    await run(scratch, "CREATE TABLE t (id serial PRIMARY KEY, v text)")
    await seed(scratch)
    cursor = await scratch.execute("INSERT INTO t (v) VALUES ('mine') RETURNING id")
    assert await cursor.fetchone() == (1,)


async def test_seeding_again_fills_what_is_new_and_leaves_the_rest(scratch: Connection) -> None:
    await run(scratch, "CREATE TABLE t (id serial PRIMARY KEY, v text); CREATE TABLE n (n int CHECK (false))")
    first = await seed(scratch)
    again = await seed(scratch, before=first)
    assert table_of(again, "public.t") == table_of(first, "public.t")
    assert (
        again.not_seeded
        == first.not_seeded
        == {"public.n": 'new row for relation "n" violates check constraint "n_check"'}
    )
    await run(scratch, "ALTER TABLE t ADD COLUMN w int; CREATE TABLE u (t int NOT NULL REFERENCES t)")
    third = await seed(scratch, before=again)
    assert [values[2] is None for values in table_of(third, "public.t")].count(False) >= 2
    assert len(table_of(third, "public.t")) == 6
    assert len(table_of(third, "public.u")) == 3
    assert await losses(scratch, first) == []


async def test_rows_of_ones_own_stand_instead(scratch: Connection) -> None:
    await run(
        scratch, "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (t int NOT NULL REFERENCES t)"
    )
    seeded = await seed(scratch, given=["INSERT INTO t VALUES (1, 'one'), (2, '100%')"])
    assert table_of(seeded, "public.t") == [("1", "one"), ("2", "100%")]
    assert {values[0] for values in table_of(seeded, "public.u")} == {"1", "2"}


async def test_only_the_tables_that_are_asked_for_are_looked_at(scratch: Connection) -> None:
    await run(scratch, "CREATE TABLE t (a int); CREATE TABLE u (a int)")
    seeded = await seed(scratch)
    await run(scratch, "TRUNCATE t, u")
    oids = {table.shape.name: oid for oid, table in seeded.tables.items()}
    assert [loss.table for loss in await losses(scratch, seeded, only=[oids["public.u"]])] == ["public.u"]


LATER = (
    "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers;"
    "ALTER TABLE orders ADD CHECK (state IN ('open', 'closed')), ADD CHECK (price > 0);"
    "ALTER TABLE orders ALTER amount TYPE int USING amount::int, ALTER code TYPE uuid USING code::uuid;"
    "CREATE TYPE colour AS ENUM ('red', 'green');"
    "ALTER TABLE orders ALTER colour TYPE colour USING colour::colour;"
    "ALTER TABLE orders ADD UNIQUE (label)"
)


async def test_rows_meet_what_later_files_ask(empty_conninfo: str) -> None:
    tables = (
        "CREATE TABLE orders (id serial PRIMARY KEY, customer bigint, state text NOT NULL,"
        " price numeric NOT NULL, code text NOT NULL, amount text NOT NULL, colour text NOT NULL,"
        " label text NOT NULL DEFAULT 'x');"
        "CREATE TABLE customers (id bigint PRIMARY KEY)"
    )
    async with await psycopg.AsyncConnection.connect(empty_conninfo, autocommit=True) as connection:
        async with connection.transaction(force_rollback=True):
            await run(connection, f"{tables}; {LATER}")
            later = [await read_rules(connection)]
        async with connection.transaction(force_rollback=True):
            await run(connection, tables)
            await seed(connection)
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                await run(connection, LATER)
        await run(connection, tables)
        seeded = await seed(connection, later=later)
        assert seeded.not_seeded == {}
        await run(connection, LATER)
        assert await losses(connection, seeded) == []


async def test_what_later_files_cut_off_is_seen_to_be_lost(scratch: Connection) -> None:
    narrower = "ALTER TABLE notes ALTER text TYPE varchar(20) USING left(text, 20)"
    await run(scratch, "CREATE TABLE notes (text text)")
    async with scratch.transaction(force_rollback=True):
        await run(scratch, narrower)
        later = [await read_rules(scratch)]
    seeded = await seed(scratch, later=later)
    await run(scratch, narrower)
    assert [loss.what for loss in await losses(scratch, seeded)] == ["values changed"]
