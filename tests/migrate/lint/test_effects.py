"""What a migration does beyond its own database."""

from __future__ import annotations

import pytest

from holdfast.migrate.lint.effects import server_wide_effects
from tests.fixtures.migrations import migration


def effects(up: str) -> list[str]:
    return server_wide_effects(migration("shop/0001_try", f"-- irreversible: try\n-- UP\n{up}\n"))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE ROLE teller;", "CREATE ROLE"),
        ("CREATE USER teller PASSWORD 'x';", "CREATE ROLE"),
        ("ALTER ROLE teller SUPERUSER;", "ALTER ROLE"),
        ("ALTER ROLE teller SET work_mem = '1GB';", "ALTER ROLE ... SET"),
        ("ALTER ROLE teller RENAME TO clerk;", "ALTER ROLE ... RENAME"),
        ("DROP ROLE teller;", "DROP ROLE"),
        ("GRANT clerk TO teller;", "GRANT of a role"),
        ("REVOKE clerk FROM teller;", "GRANT of a role"),
        ("ALTER SYSTEM SET work_mem = '1GB';", "ALTER SYSTEM"),
        ("CREATE DATABASE other;", "CREATE DATABASE"),
        ("ALTER DATABASE shop SET work_mem = '1GB';", "ALTER DATABASE ... SET"),
        ("ALTER DATABASE shop RENAME TO other;", "ALTER DATABASE ... RENAME"),
        ("ALTER DATABASE shop OWNER TO teller;", "ALTER DATABASE ... OWNER"),
        ("GRANT CONNECT ON DATABASE shop TO teller;", "grant on a database"),
        ("CREATE TABLESPACE fast LOCATION '/fast';", "CREATE TABLESPACE"),
        ("CREATE TABLE t (id int) TABLESPACE fast;", "tablespace fast"),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p;", "CREATE SUBSCRIPTION"),
        ("COPY t FROM PROGRAM 'curl x';", "COPY ... PROGRAM"),
        ("COPY t TO '/etc/motd';", "file on the server"),
        ("SELECT dblink_exec('host=other', 'DROP TABLE x');", "dblink_exec()"),
        ("SELECT x.dblink('host=other', 'DROP TABLE x');", "dblink()"),
        ("COMMENT ON DATABASE shop IS 'x';", "comment or label on a database"),
        ("REASSIGN OWNED BY teller TO clerk;", "REASSIGN OWNED"),
        ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity;", "pg_terminate_backend()"),
        ("DO $$ BEGIN CREATE ROLE teller; END $$;", "CREATE ROLE"),
        ("DO $$ BEGIN EXECUTE 'CREATE ROLE teller'; END $$;", "CREATE ROLE"),
        ("DO $$ DECLARE w text; BEGIN EXECUTE format('ALTER ROLE %I LOGIN', w); END $$;", "ALTER ROLE"),
        ("DO $$ DECLARE w text; BEGIN PERFORM dblink('x', w); END $$;", "dblink()"),
        ("DO $$ DECLARE w text; BEGIN EXECUTE w; END $$;", "known only when it runs"),
        ("DO $$ DECLARE w app.t%ROWTYPE; BEGIN w.x := dblink('x', 'y'); END $$;", "dblink()"),
        ("DO $$ BEGIN that is not SQL; END $$;", "cannot be read"),
        ("SELEC 1;", "cannot be read"),
        (
            "CREATE FUNCTION app.fix() RETURNS void LANGUAGE sql AS 'DROP ROLE teller';\nSELECT app.fix();",
            "DROP ROLE",
        ),
    ],
)  # fmt: skip
def test_what_reaches_beyond_the_database_is_named(statement: str, named: str) -> None:
    found = effects(statement)
    assert len(found) == 1, found
    assert named in found[0]
    assert found[0].startswith(("shop/0001_try.sql:3: ", "shop/0001_try.sql:4: "))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (id int); ALTER TABLE t OWNER TO teller; GRANT SELECT ON t TO teller;",
        "COMMENT ON TABLE t IS 'CREATE ROLE';",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE ROLE teller; END $$;",
        "DO $$ BEGIN EXECUTE 'CREATE TABLE x (id int)'; END $$;",
        "SELECT 'dblink';",
        "ALTER TABLE t RENAME TO u;",
    ],
)
def test_what_stays_in_the_database_is_not(statement: str) -> None:
    assert effects(statement) == []


def test_both_parts_are_read() -> None:
    read = migration("shop/0001_try", "-- UP\nCREATE ROLE a;\n-- DOWN\nDROP ROLE a;\n")
    assert [each.rpartition(": ")[2] for each in server_wide_effects(read)] == ["CREATE ROLE", "DROP ROLE"]
