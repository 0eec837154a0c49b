"""What a file does in other databases is seen, and what only looks like it is not."""

from __future__ import annotations

import pytest

from holdfast.migrate.lint.remote import remote_effects
from tests.fixtures.migrations import migration

FAR = "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;\nCREATE FOREIGN TABLE heard (a INT) SERVER far;\n"


def effects(up: str) -> list[str]:
    return remote_effects([migration("shop/0001_try", f"-- irreversible: try\n-- UP\n{up}\n")])


@pytest.mark.parametrize(
    "up",
    [
        "IMPORT FOREIGN SCHEMA public FROM SERVER far INTO here;",
        "SELECT dblink_exec('dbname=x', 'DELETE FROM t');",
        "DO $$ BEGIN PERFORM dblink_connect_u('dbname=x'); END $$;",
        "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p;",
        "COPY t FROM PROGRAM 'curl example.org';",
        FAR + "INSERT INTO heard VALUES (1);",
        FAR + "CREATE VIEW v AS SELECT * FROM heard;\nUPDATE v SET a = 1;",
        FAR + "CREATE TABLE copied AS SELECT * FROM heard;",
        FAR + "TRUNCATE heard;",
        "CREATE TABLE p (a INT) PARTITION BY LIST (a);\nCREATE SERVER far FOREIGN DATA WRAPPER w;\n"
        "CREATE FOREIGN TABLE p1 PARTITION OF p FOR VALUES IN (1) SERVER far;\nINSERT INTO p VALUES (1);",
        FAR + "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO heard VALUES (1);"
        " RETURN NEW; END';\nCREATE TRIGGER t BEFORE INSERT ON here EXECUTE FUNCTION f();\n"
        "INSERT INTO here VALUES (1);",
    ],
)
def test_what_reaches_another_database(up: str) -> None:
    found = effects(up)
    assert len(found) == 1
    assert found[0].startswith("shop/0001_try.sql:") or ".sql:" in found[0]


@pytest.mark.parametrize(
    "up",
    [
        FAR,
        FAR + "CREATE TABLE t (a INT REFERENCES u);\nINSERT INTO t VALUES (1);",
        FAR
        + "CREATE VIEW v AS SELECT * FROM heard;\nGRANT SELECT ON v TO PUBLIC;\nDROP FOREIGN TABLE heard;",
        FAR + "CREATE MATERIALIZED VIEW m AS SELECT * FROM heard WITH NO DATA;",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u;",
    ],
)
def test_what_does_not(up: str) -> None:
    assert effects(up) == []


def test_earlier_files_are_remembered() -> None:
    one = migration("shop/0001_far", f"-- irreversible: try\n-- UP\n{FAR}")
    two = migration("shop/0002_told", "-- irreversible: try\n-- UP\nDELETE FROM Heard;\n")
    [found] = remote_effects([one, two])
    assert "0002_told" in found
