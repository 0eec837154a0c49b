"""The options that every command takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from holdfast.settings import DATA_DIR, Settings
from holdfast.terminal.log import start_logging

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CommandOptions:
    """What every command is told: the settings, the data directory (None: the default one), JSON or not."""

    settings: Settings
    data_dir: Path | None
    json: bool


def common_options(function: Function) -> Function:
    """Give a Click command ``--data-dir`` and ``--json``; it is called with ``CommandOptions`` first.

    ``--data-dir`` stands in front of HOLDFAST_DATA_DIR. Logging to stderr is started on the way.
    """

    @click.option(
        "--data-dir",
        metavar="DIRECTORY",
        help="Folder of the embedded server, its keys and locks (HOLDFAST_DATA_DIR).",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print data as JSON on stdout; never ask.")
    @functools.wraps(function)
    def command(*arguments: Any, data_dir: str | None, as_json: bool, **options: Any) -> Any:
        if data_dir == "":  # or an unset variable of a script would make it the current folder
            raise click.BadParameter("it is empty; name a folder", param_hint="--data-dir")
        overrides = {} if data_dir is None else {DATA_DIR.name: data_dir}
        settings = Settings.load(overrides=overrides)
        start_logging(settings)
        common = CommandOptions(settings=settings, data_dir=settings.get(DATA_DIR), json=as_json)
        return function(common, *arguments, **options)

    return command  # type: ignore[return-value]  # wraps keeps the name; Click replaces the signature
