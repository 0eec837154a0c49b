"""``holdfast up``: runs everything in the foreground."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from holdfast.cli.views import JsonLines, LiveView, summary_rows
from holdfast.errors import WrongUse
from holdfast.postgres.embedded.occupancy import default_data_dir
from holdfast.postgres.reach import reach
from holdfast.service.presence import present
from holdfast.service.run import Plan, View, run_service
from holdfast.settings import Settings
from holdfast.system import declared_settings
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit, print_table
from holdfast.web.settings import API_PORT


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the API; 0 picks a free one (HOLDFAST_API_PORT)."
)
@click.option(
    "--demo", is_flag=True, help="Run the demo: a recorded chain, three triggers, a local receiver."
)
@click.option(
    "--recording",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Follow this recorded chain and register the contracts of its header.",
)
@click.option(
    "--exit-when-done", is_flag=True, help="End by itself once all is followed and delivered; sum up."
)
@common_options
def up(
    options: CommandOptions, *, port: int | None, demo: bool, recording: Path | None, exit_when_done: bool
) -> None:
    """Run everything: the database, the API, followers, matching and deliveries.

    Without DATABASE_URL (or its kin) PostgreSQL is embedded, in the data directory. The demo always
    uses the embedded one, in a data directory of its own. Ctrl-C or SIGTERM stops all of it.
    """
    settings = (
        options.settings if port is None else options.settings.with_overrides({API_PORT.name: str(port)})
    )
    _check(settings)
    data_dir = _data_dir(options, demo=demo)
    as_lines = options.json or not sys.stdout.isatty()
    view: View = JsonLines() if as_lines else LiveView("Holdfast demo" if demo else "Holdfast")
    with (
        present(data_dir, started=datetime.now(UTC).isoformat(timespec="seconds"), demo=demo) as note,
        reach(settings, data_dir, purpose="up", own=True, embedded=demo) as reached,
    ):
        plan = Plan(
            settings=settings,
            endpoint=reached.endpoint,
            data_dir=data_dir,
            sole=reached.is_owner,
            demo=demo,
            recording=recording.absolute() if recording else None,
            exit_when_done=exit_when_done,
        )
        totals = asyncio.run(run_service(plan, note, view))
    if exit_when_done:
        lines = CommandOptions(options.settings, options.data_dir, json=as_lines)
        emit(lines, totals, lambda: print_table(("what", "total"), summary_rows(totals)))


def _check(settings: Settings) -> None:
    """Look at every setting before anything is started. Raises ``WrongUse``."""
    declared = declared_settings()
    complaints = settings.unknown_keys(declared)
    if complaints:
        raise WrongUse(f"{complaints[0]}.", hint="Correct or remove the key; docs/settings.md lists all.")
    for setting in declared:
        settings.get(setting)


def _data_dir(options: CommandOptions, *, demo: bool) -> Path:
    if options.data_dir is not None:
        return options.data_dir
    usual = default_data_dir(options.settings)
    return usual.with_name(f"{usual.name}-demo") if demo else usual
