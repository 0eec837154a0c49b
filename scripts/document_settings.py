"""Writes docs/settings.md from the settings that the installed rooms and systems declare.

Run: ``.venv/bin/python scripts/document_settings.py``. A test compares the page with what this would write.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from holdfast.settings import Setting, duration, durations
from holdfast.system import declared_settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

BEGINNING = """\
# Settings

<!-- Written by scripts/document_settings.py from the declared settings: change those, then run it. -->

Every setting has a default; none must be set. Its value is the first of:

1. the option of a command, where there is one (`--data-dir`, `--port`);
2. the environment variable;
3. for a secret, the file that the variable `NAME_FILE` names (`DATABASE_URL_FILE=/run/secrets/database`);
4. `holdfast.toml` in the current folder, or the file that `HOLDFAST_CONFIG` names;
5. the default.

In `holdfast.toml` a setting is a key in the table of its room:

```toml
[web]
port = 8080

[postgres]
pool_max = 40
```

`holdfast doctor` prints every setting with its value and where that came from; secrets are hidden there, and
a key that no room declares is reported with the nearest one that is. A duration is written `250ms`, `3s`,
`5m`, `2h`, `1d`, or in plain seconds; a list is separated by commas, or is an array in the file.

Where no setting of the room `postgres` names a database, libpq's own variables may (`PGHOST`, `PGSERVICE`,
`PGDATABASE` and their like); where those name none either, the server is embedded. `NODE_ENV=production`
means what `HOLDFAST_ENV=production` means.
"""

_SECONDS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def written(setting: Setting[object]) -> str:
    """Return a setting's default as one would write it; empty where it is not set."""
    default = setting.default
    if default is None or default in ("", ()):
        return ""
    if setting.parse is duration or setting.parse is durations:
        spans = default if isinstance(default, tuple) else (default,)
        return ", ".join(_span(float(span)) for span in spans)
    if isinstance(default, bool):
        return str(default).lower()
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _span(seconds: float) -> str:
    if seconds == 0:
        return "0s"
    for unit, name in _SECONDS:
        if seconds % unit == 0:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds * 1000:.0f}ms"


def page(settings: Iterable[Setting[object]]) -> str:
    """Return the whole page: one table a room."""
    parts = [BEGINNING]
    ordered = sorted(settings, key=lambda setting: (setting.room != "holdfast", setting.room))
    for room, members in groupby(ordered, key=lambda setting: setting.room):
        rows = [_row(setting) for setting in members]
        parts.append(
            f"\n## `[{room}]`\n\n"
            "| variable | key | value | default | meaning |\n| --- | --- | --- | --- | --- |\n"
            + "".join(rows)
        )
    return "".join(parts)


def _row(setting: Setting[object]) -> str:
    default = written(setting)
    kind = setting.kind.split(" such as ")[0] + ("; secret" if setting.secret else "")
    cells = (f"`{setting.name}`", f"`{setting.key}`", kind, f"`{default}`" if default else "not set")
    return "| " + " | ".join((*cells, setting.summary.replace("|", "\\|"))) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(page(declared_settings()), encoding="utf-8")
