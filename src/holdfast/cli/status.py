"""``holdfast status``: what runs on a data directory, and how each part stands."""

from __future__ import annotations

from dataclasses import asdict

import click

from holdfast.migrate.command import run_with_database
from holdfast.postgres.embedded.occupancy import default_data_dir
from holdfast.service.presence import who_is_present
from holdfast.service.sums import status_lines
from holdfast.service.workers import SERVE, declared_workers
from holdfast.system import StatusLine
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit, print_status, print_table


@click.command()
@click.option("--roles", is_flag=True, help="List what a process can do (the values of HOLDFAST_ROLES).")
@common_options
def status(options: CommandOptions, *, roles: bool) -> None:
    """Say what runs here, and how each room and system stands."""
    if roles:
        _print_roles(options)
        return
    data_dir = options.data_dir or default_data_dir(options.settings)
    presence = who_is_present(data_dir)
    lines = run_with_database(options, status_lines, purpose="status")
    running = (
        StatusLine("up", f"process {presence.pid}, {presence.address or 'no API'}")
        if presence
        else StatusLine("up", "does not run", "warning", "Start it with `holdfast up`.")
    )
    sections = {"service": [running], **lines}

    def render() -> None:
        for room, told in sections.items():
            if told:
                click.echo(click.style(room, bold=True))
                print_status(told)

    data = {
        "data_dir": str(data_dir),
        "running": asdict(presence) if presence else None,
        "parts": {room: [asdict(line) for line in told] for room, told in sections.items()},
    }
    emit(options, data, render)


def _print_roles(options: CommandOptions) -> None:
    roles = [
        (SERVE, "Serves the API."),
        *((worker.name, worker.summary) for worker in declared_workers().values()),
    ]
    emit(options, dict(roles), lambda: print_table(("role", "what it does"), roles))
