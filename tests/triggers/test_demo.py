"""The demo sets up the same things at every start, and its receiver takes only what is signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx

from holdfast.delivery.signing import new_secret, signature_headers
from holdfast.postgres.database import Database
from holdfast.systems.triggers.demo.demo import TRIGGERS, demo
from holdfast.systems.triggers.demo.receiver import Receiver, receiving
from tests.triggers.conftest import Maker
from tests.triggers.webhooks import quiet


async def test_a_second_start_finds_everything_and_points_to_the_new_port(
    fresh_database: Database, maker: Maker, tmp_path: Path
) -> None:
    ports, made = [], []
    for _ in range(2):
        async with demo(fresh_database.transaction, tmp_path, quiet) as start:
            ports.append(start.overrides["HOLDFAST_OUTBOUND_ALLOW"])
            made.append(await maker.rows("SELECT id, name FROM triggers.triggers ORDER BY id"))
            assert start.recording.endswith("erc8004-recording.jsonl.gz")
            urls = await maker.rows("SELECT config ->> 'url' AS url FROM triggers.trigger_actions")
            assert {row["url"].removeprefix(f"http://{ports[-1]}/") for row in urls} == set(TRIGGERS)
            password = (tmp_path / "demo-password").read_text()
            assert all(password.strip() not in note for note in start.notes)
    assert made[0] == made[1]
    assert len(made[0]) == 3
    assert ((tmp_path / "demo-password").stat().st_mode & 0o777) == 0o600
    assert await maker.value("SELECT count(*) FROM holdfast.users") == 1


async def test_the_receiver_refuses_what_is_not_signed_and_tells_repetitions(tmp_path: Path) -> None:
    receiver, secret = Receiver(tmp_path / "journal"), new_secret()
    receiver.secrets = {"/hook": secret}
    body = json.dumps({"a": 1}).encode()
    signed = signature_headers(secret, "msg_1", datetime.now(UTC), body)
    async with receiving(receiver) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answers = [
            await client.post("/hook", content=body, headers=signed),
            await client.post("/hook", content=body, headers=signed),
            await client.post("/hook", content=body + b" ", headers=signed),
            await client.post("/hook", content=body),
            await client.post("/elsewhere", content=body, headers=signed),
        ]
    assert [answer.status_code for answer in answers] == [204, 204, 401, 401, 404]
    noted = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert noted == [{"id": "msg_1", "path": "/hook", "retracts": None}] * 2
    counts = receiver.counts
    assert (counts.received, counts.repeated, counts.refused) == (1, 1, 2)
