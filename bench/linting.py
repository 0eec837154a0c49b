"""How long 300 migrations take to be linted, beside squawk on the same files: python -m bench.linting."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

FILE = """-- UP

-- Table {number}, and what is done to the one before it.
CREATE TABLE shop.table_{number} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (length(name) <= 100),
    before_id bigint REFERENCES shop.table_{before} (id),
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX table_{number}_before ON shop.table_{number} (before_id) WHERE name <> '';
COMMENT ON TABLE shop.table_{number} IS 'One of many.';
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM shop.table_{number}) THEN
        INSERT INTO shop.table_{number} (name) VALUES ('first');
    END IF;
END $$;
ALTER TABLE shop.table_{before} ADD COLUMN later_{number} text;

-- DOWN

ALTER TABLE shop.table_{before} DROP COLUMN later_{number};
DROP TABLE shop.table_{number};
"""


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()

    importing = seconds(lambda: __import__("holdfast.migrate.lint.linting"))
    from holdfast.migrate.files import read_folder  # noqa: PLC0415  # after the import was timed
    from holdfast.migrate.lint.linting import lint  # noqa: PLC0415  # as above
    from holdfast.migrate.lint.squawk import squawk_path  # noqa: PLC0415  # as above

    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for number in range(1, asked.files + 1):
            content = FILE.format(number=number, before=max(1, number - 1))
            (folder / f"{number:04}_table.sql").write_text(content)
        reading, linting, beside = [], [], []
        path = squawk_path()
        command = [str(path), "--reporter", "json", "--assume-in-transaction"]
        command += [str(file) for file in sorted(folder.iterdir())]
        found = 0
        for _ in range(asked.rounds):
            begun = time.perf_counter()
            files = read_folder(folder, "shop", shown="shop")
            reading.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            found = len(lint(files))
            linting.append(time.perf_counter() - begun)
            if path:
                beside.append(seconds(lambda: subprocess.run(command, capture_output=True, check=False)))
        whole = [
            str(Path(sys.executable).with_name("holdfast")),
            "migrate",
            "lint",
            "--dir",
            made,
            "--system",
            "shop",
        ]
        figures = {
            "files": asked.files,
            "statements": sum(len(each.up) + len(each.down) for each in files),
            "findings": found,
            "import_s": round(importing, 3),
            "read_s": round(statistics.median(reading), 3),
            "lint_s": round(statistics.median(linting), 3),
            "squawk_s": round(statistics.median(beside), 3) if beside else None,
            "whole_command_without_squawk_s": round(
                seconds(lambda: subprocess.run([*whole, "--no-squawk"], capture_output=True, check=False)), 3
            ),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
