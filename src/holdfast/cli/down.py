"""``holdfast down``: stops what ``up`` runs on a data directory."""

from __future__ import annotations

import os
import signal
import time

import click

from holdfast.errors import TryAgain
from holdfast.postgres.embedded.occupancy import default_data_dir
from holdfast.service.presence import who_is_present
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit

_WAIT_SECONDS = 10.0


@click.command()
@common_options
def down(options: CommandOptions) -> None:
    """Stop what `up` runs on this data directory, and wait until it has ended."""
    data_dir = options.data_dir or default_data_dir(options.settings)
    presence = who_is_present(data_dir)
    if presence is None or presence.pid == 0:
        emit(options, {"stopped": None}, lambda: click.echo(f"Nothing runs on {data_dir}."))
        return
    os.kill(presence.pid, signal.SIGTERM)
    deadline = time.monotonic() + _WAIT_SECONDS
    while who_is_present(data_dir) is not None:
        if time.monotonic() > deadline:
            raise TryAgain(
                f"Process {presence.pid} has not ended within {_WAIT_SECONDS:.0f} s.",
                hint="Look at what it prints. SIGKILL is the last resort: nothing committed is lost.",
            )
        time.sleep(0.05)
    emit(
        options,
        {"stopped": presence.pid},
        lambda: click.echo(f"Stopped process {presence.pid} on {data_dir}."),
    )
