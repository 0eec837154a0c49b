"""What ``up`` shows: JSON lines where nobody watches, a calm live view on a terminal."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from psycopg import Error as DatabaseError

from holdfast.errors import HoldfastError
from holdfast.postgres.database import Database
from holdfast.queue.work import stopped_within
from holdfast.service.sums import status_lines
from holdfast.system import State, StatusLine
from holdfast.terminal.output import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVENTS_SHOWN = 8
_REFRESH_SECONDS = 1.0
_COLOURS: dict[State, str] = {"ok": "green", "warning": "yellow", "error": "red"}


class JsonLines:
    """Prints one JSON object an event of note on stdout: ``time`` (UTC), ``event`` and its details."""

    def report(self, event: str, /, **details: object) -> None:
        """Print the event as one line."""
        click.echo(as_json({"time": datetime.now(UTC), "event": event, **details}))

    async def show(self, database: Database, stop: asyncio.Event) -> None:
        """Wait for the end: events print themselves."""
        await stop.wait()


class LiveView:
    """Shows how each part stands and the last events, redrawn once a second on a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._address = ""
        self._notes: list[str] = []
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)
        self._lines: dict[str, list[StatusLine]] = {}

    def report(self, event: str, /, **details: object) -> None:
        """Keep the event for the list below the status lines."""
        if event == "serving":
            self._address = str(details.get("address", ""))
        if event.endswith(".note"):  # what the user needs all the time, such as where a password stands
            self._notes.append(_for_people(details))
            return
        self._events.append(f"{datetime.now(UTC):%H:%M:%S}Z  {event}  {_for_people(details)}")

    async def show(self, database: Database, stop: asyncio.Event) -> None:
        """Redraw until ``stop`` is set, and leave the last picture standing."""
        from rich.live import Live  # noqa: PLC0415  loaded lazily: rich costs 60 ms that --json does not need

        root = logging.getLogger()
        handlers, root.handlers[:] = root.handlers[:], [_EventHandler(self)]
        try:
            with Live(auto_refresh=False) as live:
                while not stop.is_set():
                    await self._refresh(database)
                    live.update(self._picture(), refresh=True)
                    await stopped_within(stop, _REFRESH_SECONDS)
                await self._refresh(database)
                live.update(self._picture(), refresh=True)
        finally:
            root.handlers[:] = handlers

    async def _refresh(self, database: Database) -> None:
        try:
            self._lines = await status_lines(database)
        except (HoldfastError, DatabaseError) as error:
            self._lines = {
                "database": [StatusLine("database", "not reachable", "error", str(error).split("\n")[0])]
            }

    def _picture(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for room, lines in self._lines.items():
            for index, line in enumerate(lines):
                mark = Text("●", style=_COLOURS[line.state])
                table.add_row(mark, Text(room if index == 0 else "", style="bold"), line.name, line.value)
                if line.hint and line.state != "ok":
                    table.add_row("", "", "", Text(line.hint, style="dim"))
        heading = Text(f"{self._title}  {self._address}  (Ctrl-C stops it)", style="bold")
        events = [Text(event, style="dim", no_wrap=True, overflow="ellipsis") for event in self._events]
        return Group(heading, *map(Text, self._notes), table, *events)


def _for_people(details: Mapping[str, object]) -> str:
    """Return details on one line: hashes are for programs, and a note says itself."""
    if set(details) == {"note"}:
        return str(details["note"])
    shown = {name: value for name, value in details.items() if not str(value).startswith("0x")}
    return "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())


class _EventHandler(logging.Handler):
    """Puts log lines into the view's events, since writing to the terminal would tear the picture."""

    def __init__(self, view: LiveView) -> None:
        super().__init__(logging.WARNING)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's first line as an event."""
        self._view.report("log", level=record.levelname.lower(), message=record.getMessage().split("\n")[0])


def summary_rows(totals: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return the totals as rows for people: words for names, counts by status on one line."""
    rows = []
    for name, value in totals.items():
        shown = (
            ", ".join(f"{count} {key}" for key, count in value.items())
            if isinstance(value, Mapping)
            else str(value)
        )
        rows.append((name.replace("_", " "), shown or "none"))
    return rows
