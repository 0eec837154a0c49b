"""A file of all that a database holds, for where the history is not one of SQL files.

It is what ``pg_dump --schema-only`` prints, without owners, in our own form: applied to an empty
database it gives the same catalogue. It cannot be undone: what stood before it, nobody knows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from holdfast.errors import HoldfastError
from holdfast.migrate.files import parse
from holdfast.migrate.migration import Migration
from holdfast.postgres.embedded.binaries import binary

FILE_NAME = "0001_baseline.sql"
# Of pg_dump's own session's settings, those that matter to what follows.
_KEPT = ("SELECT pg_catalog.set_config('search_path'", "SET check_function_bodies")
_END = re.compile(r"\s*--\n-- PostgreSQL database dump complete\n--\s*(?:\\unrestrict \S+\s*)?\Z")
_NAME = r'(?:\w+|"(?:[^"]|"")+")'
_USER_MAPPING = re.compile(
    r"\n--\n-- Name: USER MAPPING [^\n]*; Type: USER MAPPING;[^\n]*\n--\n\n"
    rf"CREATE USER MAPPING FOR {_NAME} SERVER {_NAME}"
    r"""(?: OPTIONS \((?:[^'")]|'(?:[^']|'')*'|"(?:[^"]|"")*")*\))?;\n"""
)
_SERVICE = "holdfast"


class NotDumped(HoldfastError):
    """pg_dump could not read the database."""

    code = "not_dumped"


def dump(conninfo: str, *, leave_out: Sequence[str] = ()) -> str:
    """Return the SQL that makes what a database holds, all but Holdfast's schema and some tables.

    ``leave_out`` are quoted and qualified names. User mappings are left out, and a comment says so: they
    hold passwords. Raises ``NotDumped`` with pg_dump's own message.
    """
    options = ["--schema-only", "--no-owner", "--no-subscriptions", "--exclude-schema=holdfast"]
    options += [f"--exclude-table={name}" for name in leave_out]
    complaint = ""
    with _without_secrets(conninfo) as (shown, environment):
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
                return _without_user_mappings(_without_preamble(ended.stdout))
            complaint = complaint or ended.stderr.strip()
    raise NotDumped(
        f"pg_dump could not read the database: {complaint.removeprefix('pg_dump: ')}.",
        hint="Install PostgreSQL's client programs of the server's version or a later one.",
    )


@contextmanager
def _without_secrets(conninfo: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield a conninfo without secrets and the environment that has them.

    An argument would be seen in the list of processes. What has no variable of its own stands in a
    service file that only we can read, while the block runs.
    """
    given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    secrets = {name: given.pop(name) for name in sorted(_secret_names() & given.keys())}
    environment = dict(os.environ)
    if "password" in secrets:
        environment["PGPASSWORD"] = secrets.pop("password")
    if not secrets:
        yield make_conninfo("", **given), environment
        return
    if "service" in given or "PGSERVICE" in environment or any("\n" in each for each in secrets.values()):
        raise NotDumped(
            f"pg_dump cannot be given {', '.join(secrets)} so that nobody else sees it.",
            hint="Put it into the service's own file (pg_service.conf), and leave it out of the URL.",
        )
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:  # of mode 0700
        file = Path(folder) / "service"
        lines = [f"[{_SERVICE}]", *(f"{name}={value}" for name, value in secrets.items())]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        environment["PGSERVICEFILE"] = str(file)
        yield make_conninfo("", **given, service=_SERVICE), environment


def _secret_names() -> set[str]:
    """Return the parameters that libpq calls secret, and those that some of its versions forget."""
    told = {each.keyword.decode() for each in Conninfo.get_defaults() if each.dispchar == b"*"}
    return told | {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}


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


def _without_user_mappings(objects: str) -> str:
    """Leave out user mappings, and say how many."""
    kept, count = _USER_MAPPING.subn("", objects)
    if not count:
        return objects
    return (
        f"-- Left out are user mappings, as they hold passwords ({count} of them): make them by hand.\n"
        + kept
    )


def baseline(dumped: str, *, system: str, shown: str, origin: str) -> Migration:
    """Make a migration of what ``dump`` returned; ``origin`` says in its header where it comes from."""
    content = (
        f"-- What the database held when its migrations were taken over from {origin}.\n"
        "-- irreversible: this is where its history begins\n"
        f"\n-- UP\n{dumped}\n"
    )
    made = parse(content, system=system, file_name=FILE_NAME, shown=f"{shown}/{FILE_NAME}")
    if any(re.match(r"CREATE\s+USER\s+MAPPING\b", each.text, re.IGNORECASE) for each in made.up):
        raise NotDumped(
            "A user mapping, which may hold a password, could not be left out of what pg_dump printed.",
            hint="Drop it for the while (DROP USER MAPPING), adopt, and make it again.",
        )
    return made
