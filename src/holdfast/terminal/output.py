"""What a command prints: data on stdout (JSON or a table), everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import click

from holdfast.errors import HoldfastError, WrongUse
from holdfast.system import State, StatusLine
from holdfast.terminal.options import CommandOptions

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "warning": ("!", "yellow"),
    "error": ("x", "red"),
}


def as_json(data: object) -> str:
    """Return data as one line of JSON: times in UTC with ``Z``, decimals and paths as strings."""
    return json.dumps(data, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def emit(options: CommandOptions, data: object, render: Callable[[], None]) -> None:
    """Print ``data`` as JSON where ``--json`` was given; otherwise call ``render`` to print it for people."""
    if options.json:
        click.echo(as_json(data))
    else:
        render()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str = "Nothing.") -> None:
    """Print rows under column names, each column as wide as its widest cell; ``empty`` where none is."""
    cells = [[_cell(value) for value in row] for row in rows]
    if not cells:
        click.echo(empty)
        return
    widths = [max(len(line[index]) for line in [list(columns), *cells]) for index in range(len(columns))]
    for line in [[name.upper() for name in columns], *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def print_status(lines: Iterable[StatusLine]) -> None:
    """Print status lines with a coloured mark each, and the hint below those that are not well."""
    shown = list(lines)
    width = max((len(line.name) for line in shown), default=0)
    for line in shown:
        mark, colour = _MARKS[line.state]
        click.echo(
            f"{click.style(mark.rjust(2), fg=colour)}  {line.name.ljust(width)}  {line.value}".rstrip()
        )
        if line.hint and line.state != "ok":
            click.echo(f"    {' ' * width}  {line.hint}")


def note(message: str) -> None:
    """Tell people something on stderr, where it never mixes with data."""
    click.echo(message, err=True)


def confirm(options: CommandOptions, question: str, *, yes: bool) -> None:
    """Ask before something is destroyed, unless ``--yes`` was given.

    Raises ``WrongUse`` where nobody can be asked (``--json``, or no terminal), and Click's ``Abort`` on a no.
    """
    if yes:
        return
    if options.json or not sys.stdin.isatty():
        raise WrongUse(f"{question} Nobody can be asked here.", hint="Repeat the command with --yes.")
    click.confirm(question, abort=True, err=True)


def print_error(error: HoldfastError, *, json_form: bool) -> None:
    """Print an error on stderr: what happened and what to do, or the same as one JSON object."""
    if json_form:
        fields = {"error": error.code, "message": error.message, "hint": error.hint, **error.details}
        click.echo(json.dumps(fields, default=str, ensure_ascii=False), err=True)
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', bold=True)}  {error.hint}", err=True)
