"""Databases as other tools leave them: their tables, and rows as they write them.

The tables are those that dbmate 2.36 and Alembic 1.20 made, and those that Flyway, sqlx and
golang-migrate document. What the files do is run as it stands, without any history of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import psycopg

from holdfast.migrate.adopting.matching import flyway_checksum
from holdfast.migrate.files import read_folder
from holdfast.migrate.migration import Migration

KEPT = Path(__file__).parents[2] / "data" / "migrations"


def run_files(conninfo: str, files: Iterable[Migration]) -> None:
    """Run what files do, as any tool would."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for migration in files:
            for statement in migration.up:
                connection.execute(statement.text.encode())


def as_dbmate(conninfo: str, folder: Path, files: Iterable[Migration]) -> None:
    """Leave the database as dbmate does."""
    files = list(files)
    run_files(conninfo, files)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY)")
        for migration in files:
            connection.execute("INSERT INTO schema_migrations VALUES (%s)", [str(migration.id.number)])


def as_sqlx(conninfo: str, folder: Path, files: Iterable[Migration]) -> None:
    """Leave the database as sqlx does."""
    files = list(files)
    run_files(conninfo, files)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,"
            " installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL,"
            " checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)"
        )
        for migration in files:
            checksum = hashlib.sha384((folder / Path(migration.file).name).read_bytes()).digest()
            connection.execute(
                "INSERT INTO _sqlx_migrations VALUES (%s, %s, '2026-03-01 10:00+00', true, %s, 12345678)",
                [migration.id.number, migration.name, checksum],
            )


def as_golang_migrate(conninfo: str, folder: Path, files: Iterable[Migration]) -> None:
    """Leave the database as golang-migrate does."""
    files = list(files)
    run_files(conninfo, files)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL)"
        )
        connection.execute("INSERT INTO schema_migrations VALUES (%s, false)", [files[-1].id.number])


def as_flyway(conninfo: str, folder: Path, files: Iterable[Migration]) -> None:
    """Leave the database as Flyway does, with the row that says that it made a schema."""
    files = list(files)
    run_files(conninfo, files)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE flyway_schema_history (installed_rank INT NOT NULL, version VARCHAR(50),"
            " description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL,"
            " checksum INTEGER, installed_by VARCHAR(100) NOT NULL,"
            " installed_on TIMESTAMP NOT NULL DEFAULT now(), execution_time INTEGER NOT NULL,"
            " success BOOLEAN NOT NULL,"
            ' CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY (installed_rank))'
        )
        connection.execute("CREATE INDEX flyway_schema_history_s_idx ON flyway_schema_history (success)")
        rows: list[tuple[str | None, str, str, str, int | None]] = [
            (None, "<< Flyway Schema Creation >>", "SCHEMA", '"public"', None)
        ]
        for migration in files:
            script = Path(migration.file).name
            rows.append(
                (
                    script[1:].partition("__")[0].replace("_", "."),
                    migration.name,
                    "SQL",
                    script,
                    flyway_checksum((folder / script).read_bytes()),
                )
            )
        for rank, row in enumerate(rows):
            connection.execute(
                "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script,"
                " checksum, installed_by, execution_time, success)"
                " VALUES (%s, %s, %s, %s, %s, %s, 'flyway', 7, true)",
                [rank, *row],
            )


def as_alembic(conninfo: str) -> None:
    """Leave the database as Alembic does, with a few kinds of objects that its revisions made."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        connection.execute("INSERT INTO alembic_version (version_num) VALUES ('91f9d755bd46')")
        connection.execute(
            """
            CREATE TYPE tier AS ENUM ('basic', 'gold');
            CREATE TABLE customers (id SERIAL PRIMARY KEY, name TEXT NOT NULL, tier tier DEFAULT 'basic');
            COMMENT ON COLUMN customers.name IS 'As on the letter';
            CREATE TABLE orders (
                id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                customer_id INTEGER REFERENCES customers ON DELETE CASCADE,
                at DATE NOT NULL, total NUMERIC(12, 2) DEFAULT 0 CHECK (total >= 0)
            );
            CREATE INDEX ix_orders_customer_id ON orders (customer_id) WHERE total > 0;
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN


                -- UP to date
                NEW.total := coalesce(NEW.total, 0);
                RETURN NEW;
            END $$;
            CREATE TRIGGER touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch();
            CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 100;
            ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
            CREATE POLICY everybody ON orders USING (true);
            CREATE SCHEMA reports;
            CREATE MATERIALIZED VIEW reports.daily AS SELECT at, sum(total) FROM orders GROUP BY at;
            """
        )


def kept(name: str) -> list[Migration]:
    """Read one of the kept folders as the system ``shop``."""
    return read_folder(KEPT / name, "shop", shown=name)
