"""``holdfast doctor``: looks at everything that can be wrong, and says what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from holdfast import __version__
from holdfast.errors import HoldfastError
from holdfast.migrate.command import run_with_database
from holdfast.postgres.database import Database
from holdfast.postgres.embedded.occupancy import default_data_dir
from holdfast.service.presence import who_is_present
from holdfast.settings import Setting, Settings, duration, durations
from holdfast.system import Check, StatusLine, declared_settings, in_order, resolve
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit, print_status
from holdfast.web.settings import API_HOST, API_PORT

_LITTLE_DISK = 1 << 30
_GIGABYTE = 1e9


@click.command()
@common_options
def doctor(options: CommandOptions) -> None:
    """Check the machine, the settings, the server and every room; exit 1 where something is red."""
    data_dir = options.data_dir or default_data_dir(options.settings)
    sections = {
        "machine": _machine(data_dir),
        "api": [_port(options.settings, data_dir)],
        "settings": _settings(options.settings),
        **_server(options),
    }

    def render() -> None:
        for section, lines in sections.items():
            click.echo(click.style(section, bold=True))
            print_status(lines)

    emit(options, {name: [asdict(line) for line in lines] for name, lines in sections.items()}, render)
    if any(line.state == "error" for lines in sections.values() for line in lines):
        raise click.exceptions.Exit(1)


def _machine(data_dir: Path) -> list[StatusLine]:
    existing = next(folder for folder in (data_dir, *data_dir.parents) if os.path.exists(folder))
    free = shutil.disk_usage(existing).free
    return [
        StatusLine("holdfast", __version__),
        StatusLine("python", f"{platform.python_version()} at {sys.executable}"),
        StatusLine("system", f"{platform.system()} {platform.machine()}"),
        StatusLine("data directory", f"{data_dir}{'' if existing == data_dir else ' (not made yet)'}"),
        StatusLine(
            "disk",
            f"{free / _GIGABYTE:.1f} GB free",
            "error" if free < _LITTLE_DISK else "ok",
            "PostgreSQL stops when the disk is full: free some space, or name another --data-dir.",
        ),
    ]


def _port(settings: Settings, data_dir: Path) -> StatusLine:
    host, port = settings.get(API_HOST), settings.get(API_PORT)
    presence = who_is_present(data_dir)
    if presence and presence.address:
        return StatusLine("address", f"{presence.address} (process {presence.pid})")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return StatusLine(
                "port",
                f"{host}:{port} cannot be used: {error.strerror}",
                "error",
                "Choose another with --port or HOLDFAST_API_PORT.",
            )
    return StatusLine("port", f"{host}:{port} is free")


def _settings(settings: Settings) -> list[StatusLine]:
    declared = declared_settings()
    lines = []
    for setting in declared:
        origin = settings.origin(setting)
        try:
            value = settings.get(setting)
        except HoldfastError as error:
            lines.append(StatusLine(setting.name, error.message, "error", error.hint))
            continue
        shown = ("(hidden)" if value else "not set") if setting.secret else _shown(setting, value)
        lines.append(StatusLine(setting.name, f"{shown}  ({origin})"))
    lines.extend(
        StatusLine("settings file", complaint, "error", "Correct or remove the key.")
        for complaint in settings.unknown_keys(declared)
    )
    return lines


def _shown(setting: Setting[object], value: object) -> str:
    if value is None or value in ("", ()):
        return "not set"
    unit = " s" if setting.parse in (duration, durations) else ""
    return ", ".join(
        f"{part:g}{unit}" if unit else str(part) for part in (value if isinstance(value, tuple) else (value,))
    )


def _server(options: CommandOptions) -> dict[str, Sequence[StatusLine]]:
    async def look(database: Database) -> dict[str, Sequence[StatusLine]]:
        found: dict[str, Sequence[StatusLine]] = {
            "server": [StatusLine("named by", database.endpoint.origin)]
        }
        async with database.connection() as connection:
            for system in in_order():
                checks: list[Check] = [resolve(path) for path in system.checks]
                lines = [line for check in checks for line in await check(connection, options.settings)]
                if lines:
                    found[system.name] = lines
        return found

    try:
        return run_with_database(options, look, purpose="doctor", migrated=False)
    except HoldfastError as error:
        return {"server": [StatusLine("server", error.message, "error", error.hint)]}
