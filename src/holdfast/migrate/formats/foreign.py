"""What the files of other tools have in common when they become migrations of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.migrate.errors import malformed
from holdfast.migrate.formats.source import Source, checksum
from holdfast.migrate.formats.statements import check_statements, runs_alone, split_part, unwrapped
from holdfast.migrate.header import Header, MigrationId, Part
from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement

NO_WAY_BACK = "no way back is written for it"


@dataclass(frozen=True)
class Way:
    """The SQL of one direction: a part of a file."""

    part: Part
    source: Source


def migration(
    which: MigrationId, words: str, up: Way, down: Way | None, header: Header, *, marked: bool = False
) -> Migration:
    """Make a migration of another tool's SQL.

    ``marked``: its tool says in the file what is not a transaction; otherwise a file is none where it
    holds a statement that PostgreSQL takes only on its own. A ``BEGIN`` and ``COMMIT`` around all of a
    file are taken off: it is one transaction anyway. Raises ``MalformedMigration``.
    """
    forth, forth_wrapped = unwrapped(split_part(up.part, up.source.shown))
    back, back_wrapped = unwrapped(split_part(down.part, down.source.shown) if down else ())
    if not forth:
        raise malformed(up.source.shown, up.part.first_line, "there is no statement to apply", "Write one.")
    transactional = header.transactional
    if not marked:
        alone = _alone(forth, wrapped=forth_wrapped) or _alone(back, wrapped=back_wrapped)
        transactional = transactional and not alone
    check_statements(forth, up.source.shown, transactional=transactional)
    if down is not None:
        check_statements(back, down.source.shown, transactional=transactional)
        if header.irreversible and back:
            raise malformed(
                down.source.shown, back[0].line, "a way back though irreversible", "Keep one of the two."
            )
    other = down.source if down and down.source is not up.source else None
    contents = [each.content for each in (up.source, other) if each is not None]
    return Migration(
        id=which,
        name=words.replace("_", " ").strip(),
        file=up.source.shown,
        checksum=checksum(*contents),
        up=tuple(forth),
        down=tuple(back),
        transactional=transactional,
        depends=tuple(header.depends),
        irreversible=header.irreversible or ("" if back else NO_WAY_BACK),
        data_loss=header.data_loss,
        lock_budget=header.lock_budget,
        down_file=other.shown if other else "",
        content=up.source.content,
        down_content=other.content if other else "",
    )


def _alone(statements: Sequence[SqlStatement], *, wrapped: bool) -> bool:
    return not wrapped and any(runs_alone(statement) for statement in statements)
