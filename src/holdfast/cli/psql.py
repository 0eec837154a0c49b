"""``holdfast psql``: psql on the database, with a system's schema on the search path."""

from __future__ import annotations

import os
import signal
import subprocess

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import WrongUse
from holdfast.postgres.embedded.binaries import binary
from holdfast.postgres.embedded.occupancy import default_data_dir
from holdfast.postgres.reach import reach
from holdfast.system import in_order
from holdfast.terminal.options import CommandOptions, common_options


@click.command(context_settings={"ignore_unknown_options": True}, options_metavar="[OPTIONS]")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SYSTEM] [-- PSQL-ARGUMENTS]")
@common_options
def psql(options: CommandOptions, *, arguments: tuple[str, ...]) -> None:
    """Open psql; name a SYSTEM to have its schema on the search path.

    psql's own arguments stand after --, for example:

        holdfast psql triggers -- -c 'SELECT count(*) FROM events'
    """
    schema, rest = _schema(arguments)
    with reach(
        options.settings, options.data_dir or default_data_dir(options.settings), purpose="psql"
    ) as reached:
        parameters = conninfo_to_dict(reached.endpoint.conninfo)
        password = parameters.pop("password", None)
        # The password goes by the environment: an argument would be seen in the list of processes.
        environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
        environment["PGOPTIONS"] = f"{environment.get('PGOPTIONS', '')} -c search_path={schema}".strip()
        parameters.pop("options", None)
        conninfo = make_conninfo(
            "", **{name: value for name, value in parameters.items() if value is not None}
        )
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's: it cancels a query
        try:
            ended = subprocess.run([binary("psql"), conninfo, *rest], env=environment, check=False)  # noqa: S603  the user's own arguments for the user's own psql
        finally:
            signal.signal(signal.SIGINT, before)
    raise click.exceptions.Exit(ended.returncode)


def _schema(arguments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the search path and psql's own arguments."""
    if not arguments or arguments[0].startswith("-"):
        return "holdfast,public", arguments
    schemas = {system.name: system.schema for system in in_order()}
    if arguments[0] not in schemas:
        raise WrongUse(
            f"There is no system named {arguments[0]}.",
            hint=f"Name one of {', '.join(sorted(schemas))}; psql's own arguments stand after --.",
        )
    schema = schemas[arguments[0]]
    return (f"{schema},public" if schema == "holdfast" else f"{schema},holdfast,public"), arguments[1:]
