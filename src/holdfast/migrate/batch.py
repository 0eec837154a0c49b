"""Several statements in one message to the server: one round trip, and the first error ends them all.

psycopg sends several statements as one message too, but does not tell which of them was refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import psycopg
from psycopg import generators, pq
from psycopg.errors import error_from_result

from holdfast.postgres.statements import Statement
from holdfast.system import Connection

_PARAMETER = re.compile(r"%\((\w+)\)s")


class Refused(Exception):
    """The server refused a statement, and did not begin those after it.

    ``index`` is the statement's (from 0); ``position`` where in its text the fault is (characters, from
    0), or None.
    """

    def __init__(self, index: int, position: int | None, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.index = index
        self.position = position
        self.error = error


class Verbatim(str):
    """Text that is SQL already, such as a parameter's place."""

    __slots__ = ()


def literals(connection: Connection, values: Iterable[str | int]) -> str:
    """Return a list of values in parentheses, as SQL."""
    return f"({', '.join(_literal(connection, value) for value in values)})"


def _literal(connection: Connection, value: str | int) -> str:
    if isinstance(value, int | Verbatim):
        return str(value)
    encoding = connection.info.encoding
    return bytes(pq.Escaping(connection.pgconn).escape_literal(value.encode(encoding))).decode(encoding)


def with_values(connection: Connection, statement: Statement, values: Mapping[str, str | int]) -> str:
    """Return a statement's text with its parameters written in: a message of several takes none."""
    return _PARAMETER.sub(lambda match: _literal(connection, values[match[1]]), statement.text)


async def send(connection: Connection, statements: Sequence[str]) -> list[pq.abc.PGresult]:
    """Run statements, each a single command without a closing semicolon, and return their results.

    Raises ``Refused``, and psycopg's ``OperationalError`` where the connection ends. COPY from or to the
    client is not for this.
    """
    encoding = connection.info.encoding
    async with connection.lock:
        connection.pgconn.send_query(";\n".join(statements).encode(encoding))
        results: list[pq.abc.PGresult] = await connection.wait(generators.execute(connection.pgconn))
    last = results[-1]
    if last.status == pq.ExecStatus.FATAL_ERROR:
        error = error_from_result(last, encoding)
        if connection.closed:
            raise error
        raise Refused(*_place(statements, len(results) - 1, error.diag.statement_position), error)
    return results


def _place(statements: Sequence[str], answered: int, position: str | None) -> tuple[int, int | None]:
    """Return which statement was refused, and where in it: the server counts from the message's start."""
    if position is None:
        return min(answered, len(statements) - 1), None
    left = int(position) - 1
    for index, statement in enumerate(statements):
        if left <= len(statement) + 1:
            return index, min(left, len(statement))
        left -= len(statement) + 2
    return len(statements) - 1, None
