"""Real servers for tests: one embedded PostgreSQL a process, a clone of a migrated database a module."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from holdfast.migrate.engine import migrate_up
from holdfast.postgres.database import Database
from holdfast.postgres.embedded.server import EmbeddedServer
from holdfast.settings import Settings
from tests.fixtures.servers import PARAMETERS, temporary_database

pytest_plugins = (
    "tests.fixtures.missing_parts",
    "tests.fixtures.api",
    "tests.fixtures.commands",
    "tests.fixtures.debian",
    "tests.fixtures.pgbouncer",
)


def pytest_configure() -> None:
    """Let what the tests start be interrupted: a shell's background is deaf to it, and so its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server for this process of the test run: the conninfo of its database ``holdfast``."""
    with EmbeddedServer.start(tmp_path_factory.mktemp("server") / "data", parameters=PARAMETERS) as running:
        yield running.conninfo


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings without an environment and without a file: every default."""
    return Settings({})


@pytest.fixture(scope="session")
def template(server: str, settings: Settings) -> Iterator[str]:
    """The name of a database in which every declared room and system is migrated, to be cloned."""

    async def migrate(conninfo: str) -> None:
        async with Database.open(conninfo, settings, application_name="template") as database:
            await migrate_up(database)

    with temporary_database(server, name="template_migrated") as conninfo:
        asyncio.run(migrate(conninfo))
        yield "template_migrated"


@pytest.fixture(scope="module")
def conninfo(server: str, template: str) -> Iterator[str]:
    """A migrated database of this test module's own."""
    with temporary_database(server, template=template) as made:
        yield made


@pytest.fixture
def fresh_conninfo(server: str, template: str) -> Iterator[str]:
    """A migrated database of this one test's own."""
    with temporary_database(server, template=template) as made:
        yield made


@pytest.fixture
def empty_conninfo(server: str) -> Iterator[str]:
    """A database of this one test's own in which nothing is migrated."""
    with temporary_database(server) as made:
        yield made


@pytest_asyncio.fixture
async def database(conninfo: str, settings: Settings) -> AsyncIterator[Database]:
    """The module's migrated database, opened for this one test."""
    async with Database.open(conninfo, settings, application_name="test", min_size=1) as opened:
        yield opened


@pytest_asyncio.fixture
async def fresh_database(fresh_conninfo: str, settings: Settings) -> AsyncIterator[Database]:
    """A migrated database of this one test's own, opened."""
    async with Database.open(fresh_conninfo, settings, application_name="test", min_size=1) as opened:
        yield opened


@pytest_asyncio.fixture
async def empty_database(empty_conninfo: str, settings: Settings) -> AsyncIterator[Database]:
    """A database of this one test's own in which nothing is migrated, opened."""
    async with Database.open(empty_conninfo, settings, application_name="test", min_size=1) as opened:
        yield opened
