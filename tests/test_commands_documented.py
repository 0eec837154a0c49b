"""Every command of the command line, and every option of each, is named in the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from holdfast.cli.main import cli

ROOT = Path(__file__).parents[1]
# Said once for all commands.
COMMON = {"--help", "--data-dir", "--json"}


def commands(
    group: click.Group, path: tuple[str, ...] = ("holdfast",)
) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(cli))


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """The README and every page of docs/."""
    return [page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]


def options(command: click.Command) -> list[str]:
    names = [
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    ]
    return [name for name in names if name.startswith("--") and name not in COMMON]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_options_are_documented(name: str, pages: list[str]) -> None:
    naming = [page for page in pages if name in page]
    assert naming, f"no page names `{name}`"
    unnamed = [option for option in options(COMMANDS[name]) if not any(option in page for page in naming)]
    assert unnamed == [], f"no page that names `{name}` names these options of it"


@pytest.mark.parametrize("option", sorted(COMMON))
def test_what_every_command_takes_is_documented(option: str, pages: list[str]) -> None:
    assert any(option in page for page in pages)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_and_its_options_are(name: str) -> None:
    command = COMMANDS[name]
    assert command.help
    unsaid = [
        parameter.name
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert unsaid == []
