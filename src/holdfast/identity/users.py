"""Users: how they are made and listed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation

from holdfast.errors import Conflict, WrongUse
from holdfast.identity.passwords import Passwords, check_password
from holdfast.postgres.statements import Statements
from holdfast.system import Connection

_STATEMENTS = Statements("holdfast.identity", "users.sql")
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s\x00]+@[^@\s\x00]+")
_LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class User:
    """A row of ``holdfast.users``, without the password's hash."""

    id: str
    username: str
    email: str
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None
    is_active: bool
    is_administrator: bool


def check_new_user(*, username: str, email: str, password: str) -> None:
    """Refuse a name, an address or a password that cannot be taken, before anything is asked of a database.

    Raises ``WrongUse``.
    """
    if not _USERNAME.fullmatch(username):
        raise WrongUse(
            f"{username!r} cannot be a username.",
            hint="Take 1 to 64 letters of A-Z a-z 0-9 . _ - that begin with a letter or a digit.",
        )
    if not _EMAIL.fullmatch(email) or len(email) > _LONGEST_EMAIL:
        raise WrongUse(f"{email!r} is not an e-mail address.", hint="Write it as name@example.org.")
    check_password(password, username=username, email=email)


async def create_user(
    connection: Connection,
    *,
    username: str,
    email: str,
    password: str,
    is_administrator: bool = False,
    passwords: Passwords | None = None,
) -> User:
    """Make a user; the first of all is an administrator whatever is asked.

    Raises ``WrongUse`` for a name, address or password that cannot be taken, ``Conflict`` where the name
    or the address (in any case of letters) belongs to somebody already.
    """
    check_new_user(username=username, email=email, password=password)
    password_hash = await (passwords or Passwords(1)).hash(password)
    wanted = {
        "username": username,
        "email": email,
        "password_hash": password_hash,
        "is_administrator": is_administrator,
    }
    try:
        async with connection.transaction():
            await connection.execute(_STATEMENTS["begin_making"])
            row = await (await connection.execute(_STATEMENTS["insert"], wanted)).fetchone()
    except UniqueViolation as error:
        taken = await (await connection.execute(_STATEMENTS["taken"], wanted)).fetchone()
        what = [name for name in ("username", "email") if taken and taken[name]] or ["username or email"]
        raise Conflict(
            f"There is a user with this {' and '.join(what)} already.",
            hint="Take another, or sign in as them.",
        ) from error
    assert row is not None  # noqa: S101  RETURNING of one inserted row
    return User(**row)


async def list_users(connection: Connection) -> list[User]:
    """Return all users, the oldest first."""
    return [User(**row) async for row in await connection.execute(_STATEMENTS["list"])]
