"""The recorded chain, through the very code that follows a node."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from holdfast.chain import recording as recordings
from holdfast.chain.chains import Chain
from holdfast.chain.errors import WrongRecording
from holdfast.chain.ledger import Ledger, rewind
from holdfast.chain.standing import standings, status, totals
from holdfast.postgres.database import Database
from tests.chain.listening import REGISTRY_EVENTS, Listening, canonical, watch
from tests.chain.stepping import Told, following, to_end

CONTRACTS = ("identity", "reputation", "validation")


def chain_of(file: Path, chain_id: int = 31337) -> Chain:
    return Chain(chain_id, "", f"recording:{file}", 0, None, True)


async def register(database: Database, chain: Chain) -> None:
    """Watch the contracts of a recording's header, and put the chain on the list."""
    assert chain.recording is not None
    header = recordings.read_header(chain.recording)
    await watch(database, chain.chain_id, *(header[name] for name in CONTRACTS if name in header))
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO holdfast.chains (chain_id, rpc_url) VALUES (%s, %s)", [chain.chain_id, chain.rpc_url]
        )


async def counts(database: Database) -> dict[str, object]:
    async with database.connection() as connection:
        return dict(await totals(connection))


async def one(database: Database, query: str) -> Any:
    async with database.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
        assert row is not None
        return next(iter(row.values()))


async def test_the_recorded_chain_ends_in_exactly_the_expected_events(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    chain = chain_of(recording)
    await register(fresh_database, chain)
    told = Told()
    async with following(fresh_database, chain, listening, told=told) as follower:
        await to_end(follower)
    assert await canonical(fresh_database) == expected["canonical"]
    assert await counts(fresh_database) == {"blocks_observed": 208, "reorganisations": 16}
    assert await one(fresh_database, "SELECT count(*) FROM public.heard WHERE NOT canonical") == 424
    assert await one(fresh_database, "SELECT count(*) FROM holdfast.quarantine") == 0
    depths = [details["depth"] for details in told.named("chain.reorganised")]
    assert len(depths) == 16
    assert (min(depths), max(depths)) == (1, 5)
    assert len(told.named("chain.caught_up")) == 1


async def test_following_again_after_interruptions_anywhere_gives_the_same(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    chain = chain_of(recording)
    await register(fresh_database, chain)
    chance = random.Random(8004)  # noqa: S311  the same moments in every run
    for _ in range(20):
        async with following(fresh_database, chain, listening) as follower:
            for _ in range(chance.randrange(0, 20)):
                await follower.step()
            # Killed after everything was written, before the commit.
            listening.fail_before_commit = True
            try:
                for _ in range(chance.randrange(1, 4)):
                    await follower.step()
            except RuntimeError:
                pass
            listening.fail_before_commit = False
    async with following(fresh_database, chain, listening) as follower:
        await to_end(follower)
    assert await canonical(fresh_database) == expected["canonical"]
    assert await counts(fresh_database) == {"blocks_observed": 208, "reorganisations": 16}


async def test_two_followers_of_one_chain_store_nothing_twice(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    """Even without a lease: who believes in an older checkpoint is refused."""
    chain = chain_of(recording)
    await register(fresh_database, chain)
    async with following(fresh_database, chain, listening) as one_of_two:
        for _ in range(5):
            await one_of_two.step()
        async with following(fresh_database, chain, listening) as other:
            await other.step()
        with pytest.raises(Exception, match="moved meanwhile"):
            await one_of_two.step()
    async with following(fresh_database, chain, listening) as follower:
        await to_end(follower)
    assert await canonical(fresh_database) == expected["canonical"]
    assert await counts(fresh_database) == {"blocks_observed": 208, "reorganisations": 16}


async def test_unknown_topics_are_quarantined_and_retracted_with_their_block(
    fresh_database: Database, recording: Path, expected: dict[str, Any]
) -> None:
    known = Listening(events=[event for event in REGISTRY_EVENTS if not event.startswith("NewFeedback")])
    await known.create(fresh_database)
    chain = chain_of(recording)
    await register(fresh_database, chain)
    told = Told()
    async with following(fresh_database, chain, known, told=told) as follower:
        await to_end(follower)
    async with fresh_database.connection() as connection:
        cursor = await connection.execute(
            "SELECT block_hash, log_index FROM holdfast.quarantine WHERE canonical"
            " UNION ALL SELECT block_hash, log_index FROM public.heard WHERE canonical"
        )
        together = {(row["block_hash"], row["log_index"]) for row in await cursor.fetchall()}
        lines = await status(connection)
    assert together == {(block, index) for block, index in expected["canonical"]}
    assert any("unknown topic 0x6a4a61743519" in line.value for line in lines)
    assert told.named("chain.quarantined")
    assert await one(fresh_database, "SELECT count(*) FROM holdfast.quarantine WHERE NOT canonical") > 0


async def test_a_contract_added_later_is_read_from_the_beginning(
    fresh_database: Database, listening: Listening, recording: Path, expected: dict[str, Any]
) -> None:
    chain = chain_of(recording)
    await register(fresh_database, chain)
    header = recordings.read_header(recording)
    async with fresh_database.transaction() as connection:
        await connection.execute("DELETE FROM public.watched WHERE address <> %s", [header["identity"]])
    async with following(fresh_database, chain, listening) as follower:
        for _ in range(100):
            await follower.step()
        assert len(await canonical(fresh_database)) < 400
        async with fresh_database.transaction() as connection:
            for name in ("reputation", "validation"):
                await connection.execute("INSERT INTO public.watched VALUES (31337, %s)", [header[name]])
            await rewind(connection, listening.name, 31337)
        await follower.step()
        await to_end(follower)
    assert await canonical(fresh_database) == expected["canonical"]
    assert await counts(fresh_database) == {"blocks_observed": 208, "reorganisations": 16}
    async with fresh_database.connection() as connection:
        [standing] = await standings(connection)
    assert standing.replay_next is None
    assert standing.at_end


def write(file: Path, header: dict[str, Any], blocks: list[dict[str, Any]]) -> Path:
    lines = [json.dumps(header), *(json.dumps(block) for block in blocks)]
    file.write_text("\n".join(lines) + "\n")
    return file


ADDRESS = "0x" + "ab" * 20
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def block(number: int, branch: str, parent_branch: str | None = None, logs: int = 1) -> dict[str, Any]:
    """A block whose hash says its number and branch; its parent is on the same branch unless said."""

    def name(number: int, branch: str) -> str:
        return "0x" + f"{branch}{number:x}".encode().hex().rjust(64, "0")

    made = name(number, branch)
    return {
        "number": number,
        "hash": made,
        "parent_hash": name(number - 1, parent_branch or branch),
        "timestamp": 1767225600 + number,
        "logs": [
            {
                "address": ADDRESS,
                "topics": [TRANSFER, *("0x" + f"{part}".rjust(64, "0") for part in (1, 2, index))],
                "data": "0x",
                "blockNumber": hex(number),
                "blockHash": made,
                "transactionHash": made,
                "logIndex": hex(index),
            }
            for index in range(logs)
        ],
    }


async def follow_whole(database: Database, listening: Listening, file: Path) -> None:
    chain = chain_of(file, 7)
    async with following(database, chain, listening) as follower:
        await to_end(follower)


async def test_a_block_that_becomes_canonical_again_is_restored_and_not_stored_twice(
    fresh_database: Database, listening: Listening, tmp_path: Path
) -> None:
    """a1 a2 a3, then b2 b3 b4, then a2 a3 again."""
    blocks = [block(1, "a"), block(2, "a"), block(3, "a")]
    blocks += [block(2, "b", "a"), block(3, "b"), block(4, "b")]
    blocks += [block(2, "a"), block(3, "a"), block(4, "a")]
    file = write(tmp_path / "r.jsonl", {"chain_id": 7}, blocks)
    await watch(fresh_database, 7, ADDRESS)
    await follow_whole(fresh_database, listening, file)
    assert await canonical(fresh_database) == [[block(number, "a")["hash"], 0] for number in (1, 2, 3, 4)]
    async with fresh_database.connection() as connection:
        cursor = await connection.execute(
            "SELECT block_number, generation, canonical FROM public.heard ORDER BY block_number, generation"
        )
        rows = [tuple(row.values()) for row in await cursor.fetchall()]
    assert sorted(rows) == [
        (1, 0, True),
        (2, 0, False),
        (2, 1, True),
        (3, 0, False),
        (3, 1, True),
        (4, 0, False),
        (4, 0, True),
    ]
    assert await counts(fresh_database) == {"blocks_observed": 9, "reorganisations": 2}


async def test_a_restored_block_also_stores_what_a_contract_added_meanwhile_logged(
    fresh_database: Database, listening: Listening, tmp_path: Path
) -> None:
    blocks = [block(1, "a"), block(2, "a"), block(2, "b", "a"), block(2, "a"), block(3, "a")]
    file = write(tmp_path / "r.jsonl", {"chain_id": 7}, blocks)
    await watch(fresh_database, 7, "0x" + "99" * 20)
    chain = chain_of(file, 7)
    async with following(fresh_database, chain, listening) as follower:
        for _ in range(3):
            await follower.step()
        async with fresh_database.transaction() as connection:
            await connection.execute("INSERT INTO public.watched VALUES (7, %s)", [ADDRESS])
            await rewind(connection, listening.name, 7)
        await to_end(follower)
    assert await canonical(fresh_database) == [[block(number, "a")["hash"], 0] for number in (1, 2, 3)]


async def test_a_reorganisation_deeper_than_the_window_finds_its_ancestor(
    fresh_database: Database, listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "WINDOW", 16)
    blocks = [block(number, "a") for number in range(60)]
    blocks += [block(5, "b", "a"), *(block(number, "b") for number in range(6, 70))]
    blocks += [block(0, "c"), *(block(number, "c") for number in range(1, 4))]
    file = write(tmp_path / "r.jsonl", {"chain_id": 7}, blocks)
    await watch(fresh_database, 7, ADDRESS)
    told = Told()
    async with following(fresh_database, chain_of(file, 7), listening, told=told) as follower:
        await to_end(follower)
    assert [details["depth"] for details in told.named("chain.reorganised")] == [55, 70]
    assert await canonical(fresh_database) == [[block(number, "c")["hash"], 0] for number in range(4)]


async def test_plain_and_compressed_recordings_are_read_alike(tmp_path: Path) -> None:
    plain = write(tmp_path / "r.jsonl", {"chain_id": 7}, [block(0, "a")])
    packed = tmp_path / "r.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for file in (plain, packed):
        opened = recordings.Recording(file, position=0, last_hash="")
        assert opened.look().head.hash == block(0, "a")["hash"]
        opened.close()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not JSON"),
        (b"{}\n", "names no chain_id"),
        (b'{"chain_id": 7}\n{"number": 1\n', "not JSON"),
        (b'{"chain_id": 7}\n{"number": 1, "logs": []}\n', "no timestamp"),
        (b'{"chain_id": 7}\n', "holds no block"),
        (gzip.compress(b'{"chain_id": 7}\n{"number": 1, "logs": [],', mtime=0)[:-9], "damaged"),
    ],
)
async def test_a_broken_recording_is_refused_with_its_fault(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(WrongRecording, match=complaint):
        recordings.Recording(file, position=0, last_hash="").look()


async def test_a_gap_or_a_wrong_parent_is_refused(tmp_path: Path) -> None:
    for second in (block(3, "a"), block(2, "b")):
        file = write(tmp_path / "r.jsonl", {"chain_id": 7}, [block(1, "a"), second])
        opened = recordings.Recording(file, position=0, last_hash="")
        with pytest.raises(WrongRecording, match=r"follow|parent"):
            opened.take()
        opened.close()


async def test_another_file_under_the_same_name_is_noticed(
    fresh_database: Database, listening: Listening, tmp_path: Path
) -> None:
    file = write(tmp_path / "r.jsonl", {"chain_id": 7}, [block(number, "a") for number in range(5)])
    await watch(fresh_database, 7, ADDRESS)
    await follow_whole(fresh_database, listening, file)
    checkpoint = await Ledger(fresh_database, listening, 7).open()
    write(file, {"chain_id": 7}, [block(number, "b") for number in range(5)])
    with pytest.raises(WrongRecording, match="not the one that was taken before"):
        recordings.Recording(file, position=checkpoint.position, last_hash=checkpoint.hash)
    write(file, {"chain_id": 7}, [block(number, "a") for number in range(3)])
    with pytest.raises(WrongRecording, match="ends after 3"):
        recordings.Recording(file, position=checkpoint.position, last_hash=checkpoint.hash)
