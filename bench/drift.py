"""Drift over 299 tables: building what the files give, hashing both catalogues, comparing them.

Run it with ``python -m bench.drift``. Beside it, in the same run on the same server: a bare psycopg loop
that runs the same files, a transaction each, without history.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import psycopg

from holdfast.migrate.catalogue.reading import fingerprint, read_catalogue
from holdfast.migrate.drift import find_drift
from holdfast.migrate.engine import migrate_up
from holdfast.migrate.files import parse
from holdfast.migrate.plan import Files, order
from holdfast.postgres.database import Database
from holdfast.postgres.throwaway.databases import throwaway_database
from holdfast.postgres.throwaway.servers import throwaway_server
from holdfast.settings import Settings
from holdfast.system import System

TABLES = 299
ROUNDS = 3


def files() -> Files:
    """Return 300 files: a schema, and 299 tables with a foreign key and a partial index each."""
    found = []
    for number in range(TABLES + 1):
        up = (
            f"CREATE TABLE shop.t{number} (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            f" a TEXT NOT NULL DEFAULT 'x', b BIGINT REFERENCES shop.t{max(number - 1, 1)},"
            f" c TIMESTAMPTZ DEFAULT now());\nCREATE INDEX ON shop.t{number} (a) WHERE b > 3;"
        )
        down = f"DROP TABLE shop.t{number};"
        if number == 0:
            up, down = "CREATE SCHEMA shop;", "DROP SCHEMA shop;"
        name = f"{number + 1:04}_t.sql"
        found.append(parse(f"-- UP\n{up}\n-- DOWN\n{down}\n", system="shop", file_name=name, shown=name))
    return order({"shop": System(name="shop", summary="", package="")}, {"shop": found})


def bare(conninfo: str, made: Files) -> float:
    """Run the files in a bare loop; return its seconds."""
    began = time.perf_counter()
    with psycopg.connect(conninfo) as connection:
        for migration in made.ordered:
            for statement in migration.up:
                connection.execute(statement.text.encode())
            connection.commit()
    return time.perf_counter() - began


async def measure(server: str) -> None:
    """Print the medians."""
    made = files()
    loops = []
    for _ in range(ROUNDS):
        async with throwaway_database(server) as conninfo:
            loops.append(await asyncio.to_thread(bare, conninfo, made))
    async with (
        throwaway_database(server) as conninfo,
        Database.open(conninfo, Settings({}), min_size=1) as live,
    ):
        await migrate_up(live, files=made)
        drifts, hashes, reads = [], [], []
        for changed in (False, True):
            if changed:
                async with live.connection() as connection:
                    await connection.execute("ALTER TABLE shop.t7 ALTER a DROP NOT NULL")
            for _ in range(ROUNDS):
                began = time.perf_counter()
                found = await find_drift(live, made)
                assert len(found.mending) == int(changed)
                drifts.append(time.perf_counter() - began)
        async with live.connection() as connection:
            for _ in range(ROUNDS):
                began = time.perf_counter()
                await fingerprint(connection)
                hashes.append(time.perf_counter() - began)
                began = time.perf_counter()
                await read_catalogue(connection)
                reads.append(time.perf_counter() - began)
    for what, seconds in (
        ("bare psycopg loop over the files", loops),
        ("drift, nothing found", drifts[:ROUNDS]),
        ("drift, one difference found", drifts[ROUNDS:]),
        ("fingerprint alone", hashes),
        ("reading the catalogue alone", reads),
    ):
        print(f"{what:36} {statistics.median(seconds):6.2f} s")


def main() -> None:
    """Measure on a throwaway server."""
    with throwaway_server() as server:
        asyncio.run(measure(server))


if __name__ == "__main__":
    main()
