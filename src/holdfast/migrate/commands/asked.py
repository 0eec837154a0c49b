"""What every ``holdfast migrate`` command is asked: which files, which systems, to do it or only to say."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from holdfast.errors import WrongUse
from holdfast.migrate import plan
from holdfast.migrate.command import run_with_database
from holdfast.migrate.files import read_folder
from holdfast.migrate.formats.detecting import FORMATS
from holdfast.migrate.plan import Files, order
from holdfast.postgres.database import Database
from holdfast.system import System
from holdfast.terminal.options import CommandOptions, common_options

Function = TypeVar("Function", bound=Callable[..., Any])
T = TypeVar("T")
ASKED_OF_GROUP = "holdfast.migrate.asked"

dir_option = click.option(
    "--dir",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder of SQL files of your own, named by --system (both may be repeated, in the same order).",
)
system_option = click.option("--system", "systems", multiple=True, help="Only this system (may be repeated).")
format_option = click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    help="The format of the files in --dir, where looking at them is not to decide it.",
)
allow_remote_option = click.option(
    "--allow-remote",
    is_flag=True,
    help="Build files that reach other servers' databases too, which does there once more what they do.",
)


@dataclass(frozen=True)
class Asked:
    """What a command was asked.

    ``folders`` are those of ``--dir``, each read as the system of the same place in ``names``; without
    any, the installed systems are meant. ``systems`` are the ones that the command is to act on, empty
    for all of them. ``format_name`` is the folders' format, None for what they look like.
    """

    options: CommandOptions
    folders: tuple[Path, ...]
    names: tuple[str, ...]
    systems: tuple[str, ...]
    dry_run: bool
    format_name: str | None = None

    @functools.cached_property
    def all_files(self) -> Files:
        """The files of all systems at hand, in order.

        Raises ``WrongUse`` where ``--dir`` and ``--system`` do not go together or a folder does not
        exist, ``MalformedMigration`` for a file that is not understood.
        """
        if not self.folders:
            if self.format_name is not None:
                raise WrongUse("--format is that of the files in --dir.", hint="Name the folder: --dir DIR")
            return plan.declared_files()
        if len(self.folders) != len(self.names):
            raise WrongUse(
                f"{len(self.folders)} --dir and {len(self.names)} --system do not go together.",
                hint="Name each folder's system: holdfast migrate --dir migrations --system shop up",
            )
        for folder in self.folders:
            if not folder.is_dir():
                raise WrongUse(f"{folder} is not a folder.", hint="Name the folder that holds the SQL files.")
        found = {
            name: read_folder(folder, name, shown=str(folder), format_name=self.format_name)
            for folder, name in zip(self.folders, self.names, strict=True)
        }
        return order({name: System(name=name, summary="", package="") for name in found}, found, outside=True)

    @property
    def files(self) -> Files:
        """The files of the systems that were asked for and of what those depend on, in order."""
        return self.all_files.only(self.systems or None)

    @property
    def by_system(self) -> dict[str, Path]:
        """The folders of ``--dir`` by the systems that they are."""
        return dict(zip(self.names, self.folders, strict=False))

    @property
    def one_system(self) -> str:
        """The one system that was asked for. Raises ``WrongUse`` where there is none or several."""
        if len(self.systems) != 1 and self.names:
            raise WrongUse(
                f"Name the one that is meant: {', '.join(self.names)}.",
                hint="Name the folders first and the one behind the command: "
                "holdfast migrate --dir a --system a --dir b --system b down --system b",
            )
        if len(self.systems) != 1:
            raise WrongUse("Name one system.", hint="Add --system NAME; holdfast migrate status lists them.")
        if self.systems[0] not in self.all_files.systems:
            raise plan.unknown_system(self.systems[0], self.all_files.systems)
        return self.systems[0]

    def run(self, work: Callable[[Database], Awaitable[T]], *, purpose: str) -> T:
        """Run ``work`` on the database as it stands (nothing is migrated first)."""
        return run_with_database(self.options, work, purpose=f"migrate {purpose}", migrated=False)


def migrate_options(function: Function) -> Function:
    """Give a command the options that all have in common; it gets ``Asked`` as its first argument.

    ``--dir``, ``--system`` and ``--format`` may stand behind ``holdfast migrate`` as well; those of the
    command win. Where the folders stand there, the command's own ``--system`` chooses among them.
    """

    @dir_option
    @system_option
    @format_option
    @click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
    @common_options
    @functools.wraps(function)
    def command(
        options: CommandOptions,
        *arguments: Any,
        folders: tuple[Path, ...],
        systems: tuple[str, ...],
        format_name: str | None,
        dry_run: bool,
        **others: Any,
    ) -> Any:
        context = click.get_current_context(silent=True)
        of_group = context.meta.get(ASKED_OF_GROUP, ((), (), None)) if context else ((), (), None)
        asked = Asked(
            options,
            folders or of_group[0],
            systems if folders else of_group[1] if of_group[0] else (),
            systems or of_group[1],
            dry_run,
            format_name or of_group[2],
        )
        return function(asked, *arguments, **others)

    return command  # type: ignore[return-value]  # wraps keeps the name; Click replaces the signature
