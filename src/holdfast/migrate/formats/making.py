"""The next file of a folder, in the folder's own format: its name, and what is to be filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from holdfast.errors import WrongUse
from holdfast.migrate.formats.detecting import Format, format_of
from holdfast.migrate.formats.source import Source

_DIGITS = re.compile(r"[VU]?(\d+)")
_BY_TIME = re.compile(r"20\d{6,}")  # a date, or a date and time: 20260131, 20260131115900
_TEMPLATES = {
    "holdfast": {"{number}_{words}.sql": "-- Why it is needed.\n\n-- UP\n\n\n-- DOWN\n\n"},
    "dbmate": {"{number}_{words}.sql": "-- migrate:up\n\n\n-- migrate:down\n\n"},
    "up-down": {"{number}_{words}.up.sql": "-- {title}\n", "{number}_{words}.down.sql": "-- {title}\n"},
    "rollback": {"{number}_{words}.sql": "-- {title}\n", "{number}_{words}_rollback.sql": "-- {title}\n"},
    "flyway": {"V{number}__{words}.sql": "-- {title}\n", "U{number}__{words}.sql": "-- {title}\n"},
}
_TEMPLATE_OF = {"sqlx": "up-down", "golang-migrate": "up-down"}


def new_files(
    sources: Sequence[Source], title: str, *, now: datetime, form: Format | None = None
) -> dict[str, str]:
    """Return the names and contents of the files that make the next migration of a folder.

    It is numbered as the folder is: by the time (``now``, in UTC) where the newest is, else one on, with
    as many digits. Raises ``WrongUse`` for a title without letters or digits.
    """
    words = "_".join(re.findall(r"[a-z0-9]+", title.lower()))
    if not words:
        raise WrongUse(f"{title!r} has no words.", hint='Say what it does: "add a table of lamps".')
    chosen = form or format_of(sources)
    number = _next(sources, now, width=4 if chosen.name == "holdfast" else 0)
    template = _TEMPLATES[_TEMPLATE_OF.get(chosen.name, chosen.name)]
    return {
        name.format(number=number, words=words): content.format(title=title)
        for name, content in template.items()
    }


def _next(sources: Sequence[Source], now: datetime, *, width: int) -> str:
    written = [match[1] for source in sources if (match := _DIGITS.match(source.name))]
    if not written:
        return "1".rjust(width or 3, "0")
    newest = max(written, key=int)
    if _BY_TIME.fullmatch(newest):
        by_time = now.strftime("%Y%m%d%H%M%S")[: len(newest)].ljust(len(newest), "0")
        return str(max(int(by_time), int(newest) + 1))
    return str(int(newest) + 1).rjust(len(newest), "0")
