"""How the embedded server is reached: its socket, its role and database, its password."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from holdfast.postgres.embedded.errors import DataDirectoryUnusable
from holdfast.postgres.embedded.layout import DataDirectory

NAME = "holdfast"
_CONNECT_SECONDS = 10


def conninfo(data: DataDirectory, socket_folder: Path, port: str) -> str:
    """Return libpq's connection string for the database ``holdfast``, password included.

    Raises ``DataDirectoryUnusable`` where the password's file cannot be read.
    """
    try:
        password = data.password.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DataDirectoryUnusable(
            f"The embedded server's password {data.password} cannot be read: {error.strerror}.",
            hint="Only the data directory's owner (or root) may use it. Restore the file where it is lost.",
        ) from error
    return make_conninfo("", host=str(socket_folder), port=port, user=NAME, dbname=NAME, password=password)


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(32)


def set_password(socket_folder: Path, port: str, password: str) -> None:
    """Set the role's password on a server that asks for none; only its digest is sent.

    Raises ``psycopg.Error``.
    """
    with psycopg.connect(
        host=str(socket_folder), port=port, user=NAME, dbname="postgres", autocommit=True
    ) as connection:
        digest = connection.pgconn.encrypt_password(password.encode(), NAME.encode(), b"scram-sha-256")
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(NAME), sql.Literal(digest.decode())))


def try_connection(conninfo: str) -> None:
    """Connect and disconnect. Raises ``psycopg.OperationalError`` where the server does not take it."""
    psycopg.connect(conninfo, connect_timeout=_CONNECT_SECONDS).close()


def ensure_database(conninfo: str) -> None:
    """Connect, and create the database ``holdfast`` where a first start was cut off before it did.

    Raises ``psycopg.OperationalError`` where the server does not take the connection.
    """
    try:
        try_connection(conninfo)
    except psycopg.OperationalError as error:
        if f'database "{NAME}" does not exist' not in str(error):
            raise
        with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
