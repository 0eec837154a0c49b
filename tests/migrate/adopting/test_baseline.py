"""The file of what a database holds: no secret in it or seen while it is made, and no history without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from holdfast.migrate import history
from holdfast.migrate.adopting import adoption, baseline
from holdfast.migrate.adopting.adoption import Takeover, adopt
from holdfast.migrate.adopting.baseline import NotDumped, dump
from holdfast.migrate.turn import Turn
from holdfast.postgres.database import Database

MAPPED = """
CREATE FOREIGN DATA WRAPPER away;
CREATE SERVER "far; away" FOREIGN DATA WRAPPER away;
CREATE USER MAPPING FOR PUBLIC SERVER "far; away" OPTIONS ("user" 'bob', password E'hunter2\\\\'');\n--');
CREATE TABLE kept (id INT)
"""


async def test_user_mappings_are_left_out_and_it_is_said(empty_database: Database, tmp_path: Path) -> None:
    async with empty_database.connection() as connection:
        await connection.execute(MAPPED.encode())
    asked = Takeover("shop", tmp_path, baseline=True)
    adopted = await adopt(empty_database, asked, None, tell=print)
    assert adopted.drift.differences == []
    content = (tmp_path / "0001_baseline.sql").read_text()
    assert "hunter2" not in content
    assert "CREATE USER MAPPING" not in content
    assert "-- Left out are user mappings, as they hold passwords (1 of them)" in content
    assert "CREATE TABLE public.kept" in content


def test_a_user_mapping_that_is_not_recognised_refuses() -> None:
    with pytest.raises(NotDumped, match="could not be left out"):
        baseline.baseline(
            "CREATE USER MAPPING FOR bob SERVER s;", system="shop", shown="m", origin="what it holds"
        )


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of pg_dump that notes what it was given."""
    made = tmp_path / "pg_dump"
    made.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\necho "$PGPASSWORD" > {tmp_path}/password\n'
        f'ls -l "$PGSERVICEFILE" > {tmp_path}/service; cat "$PGSERVICEFILE" >> {tmp_path}/service\n'
    )
    made.chmod(0o755)
    monkeypatch.setattr(baseline, "_programs", lambda: [made])
    return made


def test_no_secret_is_an_argument(program: Path, tmp_path: Path) -> None:
    dump("host=a sslkey=k sslpassword='open sesame' password=hunter2")
    arguments = (tmp_path / "arguments").read_text()
    assert "sesame" not in arguments
    assert "hunter2" not in arguments
    assert "host=a sslkey=k" in arguments
    assert "service=holdfast" in arguments
    assert (tmp_path / "password").read_text() == "hunter2\n"
    listed, *service = (tmp_path / "service").read_text().splitlines()
    assert service == ["[holdfast]", "sslpassword=open sesame"]
    assert not Path(listed.split()[-1]).exists(), "it is gone afterwards"


def test_a_secret_beside_a_service_is_refused(program: Path) -> None:
    with pytest.raises(NotDumped, match="sslpassword"):
        dump("service=staging sslpassword=sesame")


Failing = Callable[[bool], None]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Let the connection break while the history is written, before or after its commit."""

    def prepare(committed: bool) -> None:
        record = adoption._record

        async def broken(*arguments: object) -> None:
            if committed:
                await record(*arguments)  # type: ignore[arg-type]  # those of the function it stands for
            raise psycopg.OperationalError("the connection is lost")

        monkeypatch.setattr(adoption, "_record", broken)

    return prepare


@pytest.mark.parametrize("committed", [True, False])
async def test_a_lost_answer_leaves_no_history_without_its_file(
    empty_database: Database, tmp_path: Path, failing: Failing, committed: bool
) -> None:
    failing(committed)
    told: list[str] = []
    with pytest.raises(psycopg.OperationalError):
        await adopt(empty_database, Takeover("shop", tmp_path, baseline=True), None, tell=told.append)
    async with empty_database.connection() as connection:
        recorded = await history.read_history(connection)
    assert bool(recorded) == committed
    assert (tmp_path / "0001_baseline.sql").exists() == committed
    assert [("stays" in each) for each in told] == [True] * committed


async def test_the_file_stays_while_a_transaction_may_yet_record_it(
    empty_database: Database, tmp_path: Path, failing: Failing
) -> None:
    failing(False)
    async with empty_database.connection() as connection:
        await history.ensure_history(connection)
        async with connection.transaction():
            assert await Turn(0.0, print).take(connection)
            with pytest.raises(psycopg.OperationalError):
                async with asyncio.timeout(60):
                    await adopt(empty_database, Takeover("shop", tmp_path, baseline=True), None, tell=print)
    assert (tmp_path / "0001_baseline.sql").exists()
