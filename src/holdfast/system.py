"""What a system declares, and the protocols that its declarations meet.

A ``System`` is plain data: names and dotted paths (``package.module:attribute``), so that declaring
imports nothing. The platform's own rooms declare themselves with the same value. Systems are found
by the entry-point group ``holdfast.systems`` (anybody's package may join), rooms by
``holdfast.rooms``. Protocols that need more than a connection are said where their floor stands:
``holdfast.queue.work`` (workers), ``holdfast.chain.subscription`` (subscriptions).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast

from holdfast.errors import WrongUse

if TYPE_CHECKING:  # the command line lists commands through this module: it must load in a few milliseconds
    from psycopg import AsyncConnection

    from holdfast.settings import Setting, Settings

Connection: TypeAlias = "AsyncConnection[Any]"


@dataclass(frozen=True)
class Command:
    """A command of the command line: loaded only when it is run, listed without loading.

    ``path`` names a ``click.Command`` or ``click.Group``. A room's command stands at the top level,
    a system's below the system's name. ``name`` may hold one space to join a group that others share.
    """

    name: str
    path: str
    summary: str


@dataclass(frozen=True)
class Permission:
    """A permission that routes may ask for, and the roles that hold it to begin with."""

    name: str
    summary: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Worker:
    """Something that runs for as long as the service does: ``path`` names a ``holdfast.queue.work.Work``."""

    name: str
    path: str
    summary: str


@dataclass(frozen=True)
class Handler:
    """Who does the background jobs of a kind: ``path`` names a ``holdfast.queue.work.JobHandler``.

    ``kind`` begins with the system's name, such as ``identity.mail``.
    """

    kind: str
    path: str
    summary: str


@dataclass(frozen=True)
class Partitioned:
    """A table that is range-partitioned by a time column.

    ``every`` is the width of a partition (a PostgreSQL interval); ``ahead`` how many are kept made
    beyond the newest; ``keep`` how long rows are kept (an interval; empty: for ever).
    """

    table: str
    column: str
    every: str
    ahead: int = 1
    keep: str = ""


@dataclass(frozen=True)
class System:
    """What a system (or a room of the platform) is, for the platform to act on.

    ``schema`` is its PostgreSQL schema; ``package`` the dotted package below which its ``.sql``
    statements stand; ``migrations`` the package that holds its ``NNNN_words.sql`` files. ``depends``
    names the rooms and systems whose migrations come first. The other fields name what
    the platform composes; each dotted path is resolved and checked by a test.
    """

    name: str
    summary: str
    package: str
    schema: str = "holdfast"
    migrations: str = ""
    depends: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    permissions: tuple[Permission, ...] = ()
    workers: tuple[Worker, ...] = ()
    handlers: tuple[Handler, ...] = ()
    subscriptions: tuple[str, ...] = ()
    partitions: tuple[Partitioned, ...] = ()
    generates: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    status: str = ""
    totals: str = ""
    pending: str = ""
    recording: str = ""
    demo: str = ""


State = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class StatusLine:
    """One line of ``holdfast status`` or ``holdfast doctor``: what, how it stands, and what to do."""

    name: str
    value: str
    state: State = "ok"
    hint: str = ""


class Status(Protocol):
    """Says how a system stands, for ``holdfast status`` (``System.status``)."""

    async def __call__(self, connection: Connection, /) -> Sequence[StatusLine]:
        """Read the database and return a few lines."""


class Check(Protocol):
    """Looks at one thing that can be wrong, for ``holdfast doctor`` (``System.checks``)."""

    async def __call__(self, connection: Connection, settings: Settings, /) -> Sequence[StatusLine]:
        """Return what was found, red with a hint where something must be done."""


class Generator(Protocol):
    """Makes in the database what a room generates from what systems declare (``System.generates``).

    ``systems`` are those whose migrations have just been applied; a generator looks at what they declare.
    """

    async def generate(self, connection: Connection, systems: Sequence[System], /) -> None:
        """Bring what is generated up to date, in a migration's transaction; again changes nothing."""

    async def mirror(self, live: Connection, throwaway: Connection, systems: Sequence[System], /) -> None:
        """Make on a freshly built database what depends on the rows that the live one has had.

        What is not as it would be generated is not mirrored: drift is to find it.
        """


class Totals(Protocol):
    """Counts what a system holds, for the summary of ``up`` (``System.totals``)."""

    async def __call__(self, connection: Connection, /) -> Mapping[str, object]:
        """Return JSON values by name; the names of all systems share one object."""


class Pending(Protocol):
    """Counts what a system has yet to do before ``up --exit-when-done`` may end (``System.pending``)."""

    async def __call__(self, connection: Connection, /) -> int:
        """Return how many pieces of work are not ended."""


class RecordingHook(Protocol):
    """Takes up a recorded chain's header when it is first followed (``System.recording``)."""

    async def __call__(self, connection: Connection, header: Mapping[str, Any], /) -> None:
        """Register what the header names, such as contracts; calling it again changes nothing."""


class Report(Protocol):
    """Tells an event of note, such as a reorganisation: a JSON line, or a line of the live view."""

    def __call__(self, event: str, /, **details: object) -> None:
        """Tell it; ``details`` are JSON values and never secrets."""


@dataclass(frozen=True)
class DemoStart:
    """What a demo tells the service: settings to put in front, a recording to follow, lines to show."""

    overrides: Mapping[str, str]
    recording: str
    notes: tuple[str, ...] = ()


class Demo(Protocol):
    """Sets up and runs a system's demo (``System.demo``)."""

    def __call__(
        self, connection_for: Any, data_dir: Any, report: Report, /
    ) -> AbstractAsyncContextManager[DemoStart]:
        """Enter before anything is followed; leave when the service ends.

        ``connection_for`` is an async callable context (``database.transaction``); ``data_dir`` the
        folder in which the demo may keep files.
        """


def resolve(path: str) -> Any:
    """Import what a dotted path ``package.module:attribute`` names.

    Raises ``WrongUse`` where it does not exist.
    """
    module_name, _, attribute = path.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
        for part in attribute.split(".") if attribute else ():
            target = getattr(target, part)
    except (ImportError, AttributeError) as error:
        raise WrongUse(
            f"{path} is declared but cannot be loaded: {error}.",
            hint="Reinstall the package that declares it, or correct its System value.",
        ) from error
    return target


def _load(group: str) -> tuple[System, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415  imported late: --help of one command needs it not

    found = [cast("System", entry.load()) for entry in entry_points(group=group)]
    return tuple(sorted(found, key=lambda system: system.name))


@cache
def rooms() -> tuple[System, ...]:
    """Return the platform's own rooms, by name."""
    return _load("holdfast.rooms")


@cache
def systems() -> tuple[System, ...]:
    """Return the installed systems, by name."""
    return _load("holdfast.systems")


def in_order() -> tuple[System, ...]:
    """Return rooms and systems so that each comes after those it depends on; rooms first where free.

    Raises ``WrongUse`` on a name that does not exist or depends on itself.
    """
    everything = {system.name: system for system in (*rooms(), *systems())}
    ordered: dict[str, System] = {}

    def visit(name: str, wanted_by: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name not in everything or name in wanted_by:
            raise WrongUse(
                f"{' -> '.join((*wanted_by, name))}: this dependency cannot be met.",
                hint="Install the missing system, or break the circle in the depends of the System values.",
            )
        for dependency in everything[name].depends:
            visit(dependency, (*wanted_by, name))
        ordered[name] = everything[name]

    for name in everything:
        visit(name, ())
    return tuple(ordered.values())


def declared_settings() -> tuple[Setting[object], ...]:
    """Return every setting that the platform, a room or a system declares, by environment name."""
    from holdfast.settings import Setting  # noqa: PLC0415  see the imports above

    modules = {"holdfast.settings": None, **{path: None for system in in_order() for path in system.settings}}
    found = {
        value.name: value
        for path in modules
        for value in vars(resolve(path)).values()
        if isinstance(value, Setting)
    }
    return tuple(found[name] for name in sorted(found))
