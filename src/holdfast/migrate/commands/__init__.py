"""``holdfast migrate``: one module an aim; a subcommand is loaded only when it is run."""

from __future__ import annotations

from pathlib import Path

import click

from holdfast.migrate.commands.asked import ASKED_OF_GROUP, dir_option, format_option, system_option
from holdfast.system import resolve

# name: (where it stands, one line of purpose)
_COMMANDS = {
    "accept": ("applying:accept", "Take an applied file as it stands now, after an edit of no effect."),
    "adopt": ("adopting:adopt", "Take over a database whose history another tool keeps; run nothing."),
    "docs": ("describing:docs", "Write Markdown of the tables: columns, comments, keys, indexes, rows."),
    "create": ("making:create", "Begin a system's next migration: a file to be filled in."),
    "down": ("undoing:down", "Undo a system's newest migration, or several."),
    "redo": ("undoing:redo", "Undo a system's newest migration and apply it again."),
    "reset": ("undoing:reset", "Drop everything that the database holds; never in production."),
    "rollback": ("undoing:rollback", "Undo all of a system's migrations after one."),
    "validate": ("making:validate", "Check all files, and that the history agrees with them."),
    "lint": ("linting:lint", "Find what endangers rows, locks out users or breaks code, before it runs."),
    "plan": ("linting:plan", "Print the SQL that would run, with the locks that it takes."),
    "promote": ("promoting:promote", "Apply to one database exactly what another one has."),
    "prove": ("proving:prove", "Prove every file on throwaway servers, and certify what was found."),
    "status": ("applying:status", "Show each migration and how it stands."),
    "up": ("applying:up", "Apply everything that is not applied yet."),
    "diff": ("drifting:diff", "Compare two databases, snapshots, or what the files give."),
    "drift": ("drifting:drift", "Compare the database with what its applied files give."),
    "snapshot": ("drifting:snapshot", "Write what the database holds as canonical JSON."),
}


class LazyGroup(click.Group):
    """The group: it lists its commands without loading them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, sorted."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in _COMMANDS:
            return None
        command = resolve(f"holdfast.migrate.commands.{_COMMANDS[cmd_name][0]}")
        if not isinstance(command, click.Command):
            raise TypeError(f"{_COMMANDS[cmd_name][0]} is not a Click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their summaries, loading none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in sorted(_COMMANDS.items())])


@click.group(cls=LazyGroup)
@dir_option
@system_option
@format_option
@click.pass_context
def migrate(
    context: click.Context, folders: tuple[Path, ...], systems: tuple[str, ...], format_name: str | None
) -> None:
    """Migrate a database by plain SQL files: apply, undo, lint, prove, and find what has drifted."""
    context.meta[ASKED_OF_GROUP] = (folders, systems, format_name)
