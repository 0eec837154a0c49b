"""The worker delivers, tries again, gives up with a reason, and leaves a row of every attempt."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.triggers.chain import CHAIN_ID, CLIENT, Chain, feedback
from tests.triggers.conftest import Maker, until
from tests.triggers.webhooks import listening, worker_settings, working


async def ended(maker: Maker, count: int = 1) -> bool:
    """Tell whether that many jobs have ended and none is left."""
    rows = await maker.rows("SELECT finished_at FROM triggers.action_jobs")
    return len(rows) >= count and all(row["finished_at"] for row in rows)


async def results(maker: Maker) -> list[dict[str, Any]]:
    return await maker.rows("SELECT * FROM triggers.action_results ORDER BY job_id, retry_count")


async def test_a_match_is_delivered_signed_and_whole(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        trigger = await maker.trigger(url=webhooks.url, config={"headers": {"X-Key": "k"}})
        await chain.add(feedback(agent_id=2**255, value=1234, decimals=2, tag1="a"), number=8)
        await until(lambda: ended(maker))
    (got,) = webhooks.received
    (job,) = await maker.jobs()
    assert got.id == job["id"]
    assert got.headers["x-key"] == "k"
    secret = await maker.value("SELECT signing_secret FROM triggers.trigger_actions")
    Webhook(secret).verify(got.body, got.headers)
    data = got.json["data"]
    assert got.json["type"] == "triggers.event.matched"
    assert data["trigger"] == {"id": trigger, "name": "a trigger"}
    event = data["event"]
    assert (event["id"], event["agent_id"], event["score"]) == (f"{CHAIN_ID}-8-0", str(2**255), "12.34")
    assert (event["client_address"], event["canonical"], event["tag2"]) == (CLIENT, True, "")
    (result,) = await results(maker)
    assert (result["status"], result["job_id"], result["retry_count"]) == ("success", job["id"], 0)
    assert result["response_data"] == {"status": 204, "body": "", "truncated": False}
    assert (result["event_id"], result["trigger_id"]) == (f"{CHAIN_ID}-8-0", trigger)
    assert result["duration_ms"] >= 0


async def test_a_failure_is_tried_again_with_the_same_id_and_body(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        webhooks.answers = [500, 404]
        await maker.trigger(url=webhooks.url)
        await chain.add(feedback())
        await until(lambda: ended(maker))
    assert len(webhooks.received) == 3
    assert len({(got.id, got.body) for got in webhooks.received}) == 1
    attempts = await results(maker)
    assert [(row["status"], row["retry_count"]) for row in attempts] == [
        ("retrying", 0),
        ("retrying", 1),
        ("success", 2),
    ]
    assert attempts[0]["error_message"] == "The receiver answered 500."
    assert attempts[0]["response_data"]["body"] == "the answer\N{REPLACEMENT CHARACTER}'s body"


async def test_the_last_failure_is_a_dead_letter_with_its_reason(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        webhooks.answers = [500] * 9
        await maker.trigger(url=webhooks.url)
        await chain.add(feedback())
        await until(lambda: ended(maker))
    (job,) = await maker.jobs()
    assert (job["status"], job["attempts"]) == ("dead", 3)
    assert job["last_error"] == "The receiver answered 500."
    assert [row["status"] for row in await results(maker)] == ["retrying", "retrying", "failed"]


async def test_a_place_that_the_guard_refuses_is_not_tried_again(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        await maker.trigger(url="http://169.254.169.254/latest/meta-data")
        await chain.add(feedback())
        await until(lambda: ended(maker))
    (job,) = await maker.jobs()
    assert (job["status"], job["attempts"]) == ("dead", 1)
    assert [row["status"] for row in await results(maker)] == ["failed"]


async def test_a_configuration_that_cannot_be_read_ends_one_delivery_only(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        await maker.trigger(url=webhooks.url, config={"method": "BREW"})
        await maker.trigger(name="another", url=webhooks.url)
        await chain.add(feedback())
        await until(lambda: ended(maker, 2))
    assert sorted(job["status"] for job in await maker.jobs()) == ["dead", "succeeded"]


async def test_a_timeout_is_the_actions_own(chain: Chain, maker: Maker) -> None:
    async with (
        listening() as webhooks,
        working(chain.database, webhooks.port, HOLDFAST_DELIVERY_RETRY_DELAYS="0s"),
    ):
        webhooks.open.clear()
        await maker.trigger(url=webhooks.url, config={"timeout_ms": 50})
        await chain.add(feedback())
        await until(lambda: ended(maker))
    (result,) = await results(maker)
    assert result["status"] == "failed"
    assert "did not answer within 0.05 s" in result["error_message"]


async def test_a_retraction_says_what_it_retracts_and_comes_after_it(chain: Chain, maker: Maker) -> None:
    async with listening() as webhooks, working(chain.database, webhooks.port):
        webhooks.open.clear()
        await maker.trigger(url=webhooks.url, config={"body_template": {"score": "{{score}}"}})
        block = await chain.add(feedback(value=7))

        async def arrived() -> bool:
            return len(webhooks.received) == 1

        await until(arrived)
        await chain.retract(block)
        webhooks.open.set()
        await until(lambda: ended(maker, 2))
    match, retraction = webhooks.received
    assert match.json == {"score": "7"}
    # this template cannot tell a retraction from a match, so the retraction has the default body
    assert retraction.json["type"] == "triggers.event.retracted"
    assert retraction.json["data"]["retracts"] == match.id == retraction.headers["holdfast-retracts"]
    assert retraction.json["data"]["event"]["canonical"] is False
    assert retraction.id != match.id
    assert await maker.statuses() == [("match", "succeeded"), ("retraction", "succeeded")]


async def test_stopping_while_a_delivery_is_sent_tries_it_again_at_the_next_start(
    chain: Chain, maker: Maker
) -> None:
    async with listening() as webhooks:
        webhooks.open.clear()
        await maker.trigger(url=webhooks.url)
        async with working(chain.database, webhooks.port):
            await chain.add(feedback())

            async def arrived() -> bool:
                return len(webhooks.received) == 1

            await until(arrived)
        (job,) = await maker.jobs()
        assert job["status"] == "retrying"
        webhooks.open.set()
        async with working(chain.database, webhooks.port):
            await until(lambda: ended(maker))
    assert [row["status"] for row in await results(maker)] == ["retrying", "success"]


_WORKER = """
import asyncio, json, sys
from holdfast.postgres.database import Database
from holdfast.queue.work import WorkContext
from holdfast.settings import Settings
from holdfast.systems.triggers.actions.worker import deliver

async def main():
    settings = Settings(json.loads(sys.argv[2]))
    async with Database.open(sys.argv[1], settings, min_size=1) as database:
        await deliver(WorkContext(database, settings, "doomed", asyncio.Event(), lambda *a, **k: None, True))

asyncio.run(main())
"""


async def test_a_worker_killed_in_the_middle_leaves_its_row_and_is_followed(
    chain: Chain, maker: Maker
) -> None:
    async with listening() as webhooks:
        webhooks.open.clear()
        await maker.trigger(url=webhooks.url)
        await chain.add(feedback())
        doomed = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _WORKER,
            chain.database.conninfo,
            json.dumps(worker_settings(webhooks.port)),
        )
        try:

            async def arrived() -> bool:
                return len(webhooks.received) == 1

            await until(arrived)
            assert [row["status"] for row in await results(maker)] == ["started"]
        finally:
            doomed.kill()
            await doomed.wait()
        webhooks.open.set()
        async with working(chain.database, webhooks.port, sole=True):
            await until(lambda: ended(maker))
    first, second = await results(maker)
    assert (first["status"], second["status"]) == ("failed", "success")
    assert "unknown" in first["error_message"]
    assert len({got.id for got in webhooks.received}) == 1
    assert len(webhooks.received) == 2


@pytest.mark.parametrize("count", [300])
async def test_many_deliveries_end_each_once_with_two_workers(chain: Chain, maker: Maker, count: int) -> None:
    async with (
        listening() as webhooks,
        working(chain.database, webhooks.port, instance="one"),
        working(chain.database, webhooks.port, instance="two"),
    ):
        await maker.trigger(url=webhooks.url)
        await chain.add(*(feedback(index=index) for index in range(count)))
        await until(lambda: ended(maker, count))
    assert len(webhooks.received) == count
    assert len({got.id for got in webhooks.received}) == count
    assert [row["status"] for row in await results(maker)] == ["success"] * count
