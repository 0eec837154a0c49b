"""A reset among others who work in the same database."""

from __future__ import annotations

import pytest
from psycopg import sql

from holdfast.migrate.errors import StillLocked
from holdfast.migrate.resetting import reset, would_drop
from holdfast.migrate.turn import Turn, TurnLost
from holdfast.postgres.database import Database
from holdfast.settings import Settings

TABLES = 60


@pytest.fixture
async def full(empty_database: Database) -> Database:
    making = "".join(f"CREATE TABLE t_{number} (x INT);" for number in range(1, TABLES + 1))
    await empty_database.execute(sql.SQL(making))
    return empty_database


async def test_it_steps_back_from_what_others_use_and_goes_on_later(
    full: Database, empty_conninfo: str
) -> None:
    impatient = Settings({"HOLDFAST_MIGRATE_PATIENCE": "300ms", "HOLDFAST_MIGRATE_LOCK_TIMEOUT": "50ms"})
    async with Database.open(empty_conninfo, impatient, min_size=1) as database:
        async with full.transaction() as reader:
            await reader.execute("SELECT FROM t_1")
            with pytest.raises(StillLocked, match="Others held what is to be dropped"):
                await reset(database, tell=print)
        assert "table public.t_1" in await would_drop(database)
        await reset(database, tell=print)
        assert await would_drop(database) == []


async def test_it_stops_where_another_process_has_taken_the_turn(full: Database) -> None:
    calls = 0

    async def steal() -> None:
        await full.execute(sql.SQL("UPDATE holdfast.migration_lock SET holder = 'somebody'"))

    real = Turn.confirm

    async def confirm(self: Turn, connection: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:  # the history and the first fifty tables are gone
            await steal()
        await real(self, connection)  # type: ignore[arg-type]  # passed on as it came

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Turn, "confirm", confirm)
        with pytest.raises(TurnLost):
            await reset(full, tell=print)
    assert len([name for name in await would_drop(full) if "public.t_" in name]) == TABLES - 50


async def test_the_platform_s_schema_goes_while_nobody_else_has_the_turn(
    full: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone: list[bool] = []
    real = Turn._release

    async def release(self: Turn, database: Database) -> None:
        row = await database.fetch_one(sql.SQL("SELECT to_regnamespace('holdfast') IS NULL AS gone"))
        gone.append(row is not None and row["gone"])
        await real(self, database)

    monkeypatch.setattr(Turn, "_release", release)
    await reset(full, tell=print)
    assert gone == [True]
    assert not caplog.records
