"""``holdfast users``: makes and lists users."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from holdfast.errors import WrongUse
from holdfast.identity.users import User, check_new_user, create_user, list_users
from holdfast.migrate.command import run_with_database
from holdfast.postgres.database import Database
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit, print_table


@click.group()
def users() -> None:
    """Make and list users."""


@users.command()
@click.argument("username")
@click.option("--email", required=True, help="The user's e-mail address; it signs in as the username does.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File whose first line is the password; - is standard input. Without it the terminal asks.",
)
@click.option("--administrator", is_flag=True, help="Make an administrator. The first user is one anyway.")
@common_options
def create(
    options: CommandOptions, username: str, email: str, password_file: Path | None, administrator: bool
) -> None:
    """Make a user who can sign in to the API. The first one is an administrator."""
    password = _ask(options, username) if password_file is None else _read(password_file)
    check_new_user(username=username, email=email, password=password)

    async def work(database: Database) -> User:
        async with database.connection() as connection:
            return await create_user(
                connection,
                username=username,
                email=email,
                password=password,
                is_administrator=administrator,
            )

    user = run_with_database(options, work, purpose="users create")
    kind = "administrator" if user.is_administrator else "user"
    emit(options, asdict(user), lambda: click.echo(f"Made the {kind} {user.username} ({user.id})."))


@users.command(name="list")
@common_options
def list_all(options: CommandOptions) -> None:
    """List all users, the oldest first."""

    async def work(database: Database) -> list[User]:
        async with database.connection() as connection:
            return await list_users(connection)

    found = run_with_database(options, work, purpose="users list")

    def show() -> None:
        print_table(
            ("username", "email", "administrator", "active", "created", "last sign-in"),
            (
                (u.username, u.email, u.is_administrator, u.is_active, u.created_at, u.last_login_at)
                for u in found
            ),
            empty="No users. Make the first with: holdfast users create NAME --email ADDRESS",
        )

    emit(options, [asdict(user) for user in found], show)


def _ask(options: CommandOptions, username: str) -> str:
    if options.json or not sys.stdin.isatty():
        raise WrongUse(
            "The password is missing, and nobody can be asked here.",
            hint="Give it with --password-file FILE, or --password-file - for standard input.",
        )
    return str(click.prompt(f"Password of {username}", hide_input=True, confirmation_prompt=True, err=True))


def _read(file: Path) -> str:
    try:
        with click.open_file(str(file), encoding="utf-8") as stream:
            first_line: str = stream.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(
            f"The password file {file} cannot be read: {error}.", hint="Correct the path."
        ) from error
    return first_line.rstrip("\r\n")
