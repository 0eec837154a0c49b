"""Users are made once, under names that cannot be mistaken, and exactly one is first."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL

from holdfast.errors import Conflict, WrongUse
from holdfast.identity.standing import status
from holdfast.identity.users import User, create_user, list_users
from holdfast.postgres.database import Database

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
async def nobody_yet(database: Database) -> None:
    await database.execute(SQL("TRUNCATE holdfast.users CASCADE"))


async def make(database: Database, username: str, email: str = "", *, is_administrator: bool = False) -> User:
    async with database.connection() as connection:
        return await create_user(
            connection,
            username=username,
            email=email or f"{username}@example.org",
            password=PASSWORD,
            is_administrator=is_administrator,
        )


async def test_the_first_is_the_administrator_and_the_others_are_not_unless_asked_for(
    database: Database,
) -> None:
    assert (await make(database, "first")).is_administrator
    assert not (await make(database, "second")).is_administrator
    assert (await make(database, "third", is_administrator=True)).is_administrator
    async with database.connection() as connection:
        assert [user.username for user in await list_users(connection)] == ["first", "second", "third"]


async def test_of_many_made_at_once_exactly_one_is_first(database: Database) -> None:
    users = await asyncio.gather(*(make(database, f"user{number}") for number in range(12)))
    assert sum(user.is_administrator for user in users) == 1
    assert len({user.id for user in users}) == 12


async def test_of_many_of_one_name_exactly_one_is_made(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(make(database, name) for name in ("ada", "Ada", "ADA", "aDa")), return_exceptions=True
    )
    assert sum(isinstance(outcome, User) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3


async def test_what_is_taken_is_named_in_any_case_and_inside_a_transaction(database: Database) -> None:
    await make(database, "ada", "ada@example.org")
    async with database.transaction() as connection:
        with pytest.raises(Conflict, match="username"):
            await create_user(connection, username="ADA", email="b@example.org", password=PASSWORD)
        with pytest.raises(Conflict, match="email"):
            await create_user(connection, username="eve", email="ADA@example.org", password=PASSWORD)
        await create_user(connection, username="bob", email="bob@example.org", password=PASSWORD)
    async with database.connection() as connection:
        assert [user.username for user in await list_users(connection)] == ["ada", "bob"]


@pytest.mark.parametrize(
    ("username", "email"),
    [
        ("", "a@b"),
        ("a b", "a@b"),
        ("ada@example.org", "a@b"),
        ("-ada", "a@b"),
        ("a" * 65, "a@b"),
        ("ada\n", "a@b"),
        ("\u0430d\u0430", "a@b"),
        ("ada", ""),
        ("ada", "a"),
        ("ada", "a@"),
        ("ada", "a b@c"),
        ("ada", "a@b@c"),
        ("ada", "a@b\x00"),
        ("ada", "a@" + "b" * 253),
    ],
)
async def test_names_that_could_be_mistaken_are_refused(
    database: Database, username: str, email: str
) -> None:
    with pytest.raises(WrongUse) as caught:
        async with database.connection() as connection:
            await create_user(connection, username=username, email=email, password=PASSWORD)
    assert caught.value.hint


async def test_the_database_itself_refuses_such_names(database: Database) -> None:
    for username, email in (("a@b", "a@b"), ("ada", "ada")):
        with pytest.raises(psycopg.errors.CheckViolation):
            await database.execute(
                SQL("INSERT INTO holdfast.users (username, email, password_hash) VALUES (%(u)s, %(e)s, '')"),
                {"u": username, "e": email},
            )


async def test_the_status_says_who_can_sign_in_and_what_to_do_where_nobody_can(database: Database) -> None:
    async with database.connection() as connection:
        [line] = await status(connection)
        assert line.state == "warning"
        assert "holdfast users create" in line.hint
    await make(database, "ada")
    await make(database, "bob")
    async with database.connection() as connection:
        [line] = await status(connection)
    assert (line.state, line.value) == ("ok", "2 active, 1 of them administrators")


async def test_a_change_is_stamped(database: Database) -> None:
    user = await make(database, "ada")
    await database.execute(SQL("UPDATE holdfast.users SET is_active = false"))
    async with database.connection() as connection:
        [changed] = await list_users(connection)
    assert changed.updated_at > user.updated_at
    assert changed.created_at == user.created_at


RUN = "from holdfast.cli.main import main"


def environment(conninfo: str) -> dict[str, str]:
    ours = ("HOLDFAST_", "PG", "DB_")
    return {n: v for n, v in os.environ.items() if not n.startswith(ours)} | {"DATABASE_URL": conninfo}


def holdfast(conninfo: str, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{RUN}; main()", *arguments],
        env=environment(conninfo),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_makes_and_lists_users(conninfo: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    made = holdfast(
        conninfo, "users", "create", "ada", "--email", "a@example.org", "--password-file", str(file)
    )
    assert made.returncode == 0, made.stderr
    assert "administrator ada" in made.stdout
    piped = holdfast(
        conninfo,
        "users",
        "create",
        "bob",
        "--email",
        "b@example.org",
        "--password-file",
        "-",
        "--json",
        stdin=f"{PASSWORD}\n",
    )
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout)["is_administrator"] is False
    listed = holdfast(conninfo, "users", "list", "--json")
    assert [user["username"] for user in json.loads(listed.stdout)] == ["ada", "bob"]
    assert "password" not in listed.stdout
    assert PASSWORD not in made.stdout + made.stderr + piped.stdout + piped.stderr
    again = holdfast(
        conninfo, "users", "create", "ADA", "--email", "c@example.org", "--password-file", str(file)
    )
    assert again.returncode == 1
    assert "already" in again.stderr


def test_the_command_never_asks_where_nobody_can_answer(conninfo: str, tmp_path: Path) -> None:
    for extra in (["--json"], []):
        refused = holdfast(conninfo, "users", "create", "ada", "--email", "a@example.org", *extra, stdin="")
        assert refused.returncode == 2
        assert "--password-file" in refused.stderr
        assert refused.stdout == ""
    missing = holdfast(
        conninfo, "users", "create", "ada", "--email", "a@b", "--password-file", str(tmp_path / "none")
    )
    assert missing.returncode == 2
    short = holdfast(
        conninfo, "users", "create", "ada", "--email", "a@b.org", "--password-file", "-", stdin="short\n"
    )
    assert short.returncode == 2
    assert "12" in short.stderr


def test_on_a_terminal_the_command_asks_twice_and_shows_nothing(conninfo: str) -> None:
    """A terminal of its own: ``pty.spawn`` in a child, whose pipes are the keyboard and the screen."""
    command = f"{RUN}; main()"
    spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    arguments = ["users", "create", "ada", "--email", "ada@example.org"]
    with subprocess.Popen(
        [sys.executable, "-c", spawn, sys.executable, "-c", command, *arguments],
        env=environment(conninfo),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        screen = b""
        for question in (b"Password of ada: ", b"Repeat for confirmation: "):
            while not screen.endswith(question):
                read = os.read(process.stdout.fileno(), 1)
                assert read, screen.decode()
                screen += read
            process.stdin.write(f"{PASSWORD}\n".encode())
            process.stdin.flush()
        screen += process.stdout.read()
        assert process.wait(60) == 0, screen.decode()
    assert "Made the administrator ada" in screen.decode()
    assert PASSWORD not in screen.decode()
