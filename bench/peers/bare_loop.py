"""The least that a migration tool does: files in order, each a transaction with lock, checksum and row.

Run: ``python -m bench.peers.bare_loop URL FOLDER``. Synchronous psycopg, no command line, no checks.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import psycopg
from psycopg import sql

HISTORY = """
CREATE TABLE IF NOT EXISTS history (name TEXT PRIMARY KEY, checksum TEXT, at TIMESTAMPTZ DEFAULT now())
"""


def main(url: str, folder: Path) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(HISTORY)
        applied = {row[0] for row in connection.execute("SELECT name FROM history").fetchall()}
        for file in sorted(folder.glob("*.sql")):
            content = file.read_bytes()
            checksum = hashlib.sha256(content).hexdigest()
            if file.name in applied:
                continue
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(1)")
                connection.execute(sql.SQL(content.decode()))
                connection.execute("INSERT INTO history VALUES (%s, %s)", (file.name, checksum))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
