"""A file of all that a database holds, for where the history is not one of SQL files.

It is what ``pg_dump --schema-only`` prints, without owners, in our own form: applied to an empty
database it gives the same catalogue. It cannot be undone: what stood before it, nobody knows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import HoldfastError
from holdfast.migrate.files import parse
from holdfast.migrate.migration import Migration
from holdfast.postgres.embedded.binaries import binary

FILE_NAME = "0001_baseline.sql"
# Of pg_dump's own session's settings, those that matter to what follows.
_KEPT = ("SELECT pg_catalog.set_config('search_path'", "SET check_function_bodies")
_END = re.compile(r"\s*--\n-- PostgreSQL database dump complete\n--\s*(?:\\unrestrict \S+\s*)?\Z")


class NotDumped(HoldfastError):
    """pg_dump could not read the database."""

    code = "not_dumped"


def dump(conninfo: str, *, leave_out: Sequence[str] = ()) -> str:
    """Return the SQL that makes what a database holds, all but Holdfast's schema and some tables.

    ``leave_out`` are quoted and qualified names. Raises ``NotDumped`` with pg_dump's own message.
    """
    parameters = conninfo_to_dict(conninfo)
    password = parameters.pop("password", None)
    # The password goes by the environment: an argument would be seen in the list of processes.
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    shown = make_conninfo("", **{name: value for name, value in parameters.items() if value is not None})
    options = ["--schema-only", "--no-owner", "--no-subscriptions", "--exclude-schema=holdfast"]
    options += [f"--exclude-table={name}" for name in leave_out]
    complaint = ""
    for program in _programs():
        ended = subprocess.run(  # noqa: S603  our own program with names from the catalogue
            [program, f"--dbname={shown}", *options],
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if ended.returncode == 0:
            return _without_preamble(ended.stdout)
        complaint = complaint or ended.stderr.strip()
    raise NotDumped(
        f"pg_dump could not read the database: {complaint.removeprefix('pg_dump: ')}.",
        hint="Install PostgreSQL's client programs of the server's version or a later one.",
    )


def _programs() -> list[Path]:
    """Return pg_dump as Holdfast brings it (which knows no TLS), then the PATH's where it is another."""
    own, elsewhere = binary("pg_dump"), shutil.which("pg_dump")
    return [own, *([Path(elsewhere)] if elsewhere and Path(elsewhere) != own else [])]


def _without_preamble(dumped: str) -> str:
    """Leave out what pg_dump says of itself; within the objects nothing is touched."""
    head, name, objects = dumped.partition("\n--\n-- Name: ")
    kept = [line for line in head.split("\n") if line.startswith(_KEPT)]
    objects = _END.sub("", objects)
    return "\n".join(kept) + name + objects if name else "SELECT 1;"


def baseline(dumped: str, *, system: str, shown: str, origin: str) -> Migration:
    """Make a migration of what ``dump`` returned; ``origin`` says in its header where it comes from."""
    content = (
        f"-- What the database held when its migrations were taken over from {origin}.\n"
        "-- irreversible: this is where its history begins\n"
        f"\n-- UP\n{dumped}\n"
    )
    return parse(content, system=system, file_name=FILE_NAME, shown=f"{shown}/{FILE_NAME}")
