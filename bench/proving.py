"""How long it takes to prove 300 files that make 299 tables, on each server version at hand.

    .venv/bin/python -m bench.proving [FILES] [MAJOR ...]

Each table has a foreign key to an earlier one, a check, a partial index and a comment; the last file adds a
column to one of them. The files are written to a folder of their own; everything is thrown away.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from holdfast.migrate.files import read_folder
from holdfast.migrate.plan import order
from holdfast.migrate.proof.proving import Proving
from holdfast.postgres.throwaway.servers import majors_at_hand
from holdfast.system import System

_TABLE = """-- UP
CREATE TABLE shop.part_{number:03} (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    earlier BIGINT{reference},
    name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid', 'sent')),
    amount NUMERIC(78, 0) NOT NULL CHECK (amount >= 0),
    made_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX part_{number:03}_open ON shop.part_{number:03} (made_at) WHERE state <> 'sent';
COMMENT ON TABLE shop.part_{number:03} IS 'One of many.';

-- DOWN
DROP TABLE shop.part_{number:03};
"""
_FIRST = "-- UP\nCREATE SCHEMA shop;\n"
_LAST = """-- UP
ALTER TABLE shop.part_001 ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- DOWN
ALTER TABLE shop.part_001 DROP COLUMN note;
"""


def write_files(folder: Path, count: int) -> None:
    for number in range(1, count):
        reference = f" REFERENCES shop.part_{max(1, number // 2):03}" if number > 1 else ""
        content = _TABLE.format(number=number, reference=reference)
        if number == 1:
            content = content.replace("-- UP\n", _FIRST).rstrip() + "\nDROP SCHEMA shop;\n"
        (folder / f"{number:04}_part_{number:03}.sql").write_text(content)
    (folder / f"{count:04}_note.sql").write_text(_LAST)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    majors = tuple(map(int, sys.argv[2:])) or majors_at_hand()
    print(f"{count} files, {count - 1} tables, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as place:
        write_files(Path(place), count)
        files = order(
            {"shop": System(name="shop", summary="", package="")},
            {"shop": read_folder(Path(place), "shop", shown=place)},
        )
        for major in majors:
            proving = Proving(files, files.ordered, (major,), {"shop": Path(place)})
            began = time.monotonic()
            results = proving.prove()
            seconds = time.monotonic() - began
            failed = [result for result in results if result.proof.failures]
            kills = sum(result.proof.found["kills"] for result in results)
            print(f"PostgreSQL {major}: {seconds:6.1f} s, {kills} kills, {len(failed)} files failed")
            for result in failed[:3]:
                print("   ", result.migration.id, *result.proof.failures)
            began = time.monotonic()
            Proving(files, files.ordered, (major,), {"shop": Path(place)}).prove()
            print(f"    again, nothing changed: {time.monotonic() - began:6.2f} s")


if __name__ == "__main__":
    main()
