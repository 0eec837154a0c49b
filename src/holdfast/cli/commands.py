"""The tree of commands, composed of the declared ones and loaded only when one is run."""

from __future__ import annotations

from collections.abc import Mapping

import click

from holdfast.system import Command, resolve, rooms, systems

OWN = (
    Command("up", "holdfast.cli.up:up", "Run everything: database, API, followers, deliveries."),
    Command("down", "holdfast.cli.down:down", "Stop what `up` runs on this data directory."),
    Command("status", "holdfast.cli.status:status", "Say what runs and how each part stands."),
    Command(
        "doctor", "holdfast.cli.doctor:doctor", "Check server, settings, ports and disk; say what to do."
    ),
    Command("psql", "holdfast.cli.psql:psql", "Open psql on the database, or on one system's schema."),
)


class ComposedGroup(click.Group):
    """A group whose commands are the command line's own, the rooms' and, under its name, each system's."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*_declared(), *(system.name for system in systems() if system.commands)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command, or a system's group of commands."""
        declared = _declared().get(cmd_name)
        if declared is not None:
            return _load(declared)
        for system in systems():
            if system.name == cmd_name and system.commands:
                return SystemGroup(
                    {command.name: command for command in system.commands}, system.summary, cmd_name
                )
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries, loading none of them."""
        summaries = {name: command.summary for name, command in _declared().items()}
        summaries |= {system.name: system.summary for system in systems() if system.commands}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(summaries.items()))


class SystemGroup(click.Group):
    """A system's commands, listed from its declaration and loaded when run."""

    def __init__(self, declared: Mapping[str, Command], summary: str, name: str) -> None:
        super().__init__(name=name, help=summary)
        self._declared = declared

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the system's commands, sorted."""
        return sorted(self._declared)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one of the system's commands."""
        declared = self._declared.get(cmd_name)
        return None if declared is None else _load(declared)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries, loading none of them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted((command.name, command.summary) for command in self._declared.values()))


def _declared() -> dict[str, Command]:
    return {
        command.name: command for source in (OWN, *(room.commands for room in rooms())) for command in source
    }


def _load(declared: Command) -> click.Command:
    command = resolve(declared.path)
    if not isinstance(command, click.Command):
        raise TypeError(f"{declared.path} is not a Click command")
    return command
