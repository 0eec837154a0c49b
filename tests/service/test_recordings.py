"""A recording that ``up`` takes up: once, moved, another of the same chain, and beside a node."""

from __future__ import annotations

import gzip
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from psycopg.sql import SQL

from holdfast.chain.chains import add_chain
from holdfast.errors import Conflict, HoldfastError
from holdfast.postgres.database import Database
from holdfast.service.recordings import take_up_recording

RECORDING = Path(str(files("holdfast.systems.triggers.demo") / "data" / "erc8004-recording.jsonl.gz"))
_CHAIN = SQL("SELECT rpc_url FROM holdfast.chains")
_POSITION = SQL("SELECT source_position FROM holdfast.checkpoints")
_REGISTRIES = SQL("SELECT registry, address FROM triggers.registries ORDER BY registry")


async def place(database: Database, position: int) -> None:
    """Pretend that so many lines were taken."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO holdfast.checkpoints (subscription, chain_id, source_position)"
            " VALUES ('triggers', 31337, %s)"
            " ON CONFLICT (subscription, chain_id) DO UPDATE SET source_position = excluded.source_position",
            (position,),
        )


async def test_taking_up_registers_the_headers_contracts_once(fresh_database: Database) -> None:
    for _ in range(2):
        await take_up_recording(fresh_database, RECORDING)
    assert [row["registry"] for row in await fresh_database.fetch(_REGISTRIES)] == [
        "identity",
        "reputation",
        "validation",
    ]
    assert await fresh_database.fetch(_CHAIN) == [{"rpc_url": f"recording:{RECORDING}"}]


async def test_a_moved_recording_goes_on_where_it_stood(fresh_database: Database, tmp_path: Path) -> None:
    first, moved = tmp_path / "first.jsonl.gz", tmp_path / "moved.jsonl.gz"
    shutil.copy(RECORDING, first)
    await take_up_recording(fresh_database, first)
    await place(fresh_database, 7)
    first.rename(moved)
    await take_up_recording(fresh_database, moved)
    assert await fresh_database.fetch(_CHAIN) == [{"rpc_url": f"recording:{moved}"}]
    assert (await fresh_database.fetch(_POSITION))[0]["source_position"] == 7


async def test_another_recording_of_the_chain_begins_at_its_first_line(
    fresh_database: Database, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl.gz"
    with gzip.open(RECORDING) as whole, gzip.open(other, "wb") as half:
        half.writelines([next(whole) for _ in range(50)])
    await take_up_recording(fresh_database, RECORDING)
    await place(fresh_database, 7)
    await take_up_recording(fresh_database, other)
    assert (await fresh_database.fetch(_POSITION))[0]["source_position"] == 0


async def test_a_chain_that_is_followed_from_a_node_is_left_alone(fresh_database: Database) -> None:
    async with fresh_database.transaction() as connection:
        await add_chain(connection, rpc_url="http://127.0.0.1:9/", chain_id=31337)
    with pytest.raises(Conflict, match="followed from"):
        await take_up_recording(fresh_database, RECORDING)


async def test_a_file_that_is_no_recording_is_refused(fresh_database: Database, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("not JSON\n", encoding="utf-8")
    with pytest.raises(HoldfastError, match=r"x\.jsonl"):
        await take_up_recording(fresh_database, tmp_path / "x.jsonl")
    assert await fresh_database.fetch(_CHAIN) == []
