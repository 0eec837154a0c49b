"""The recorded chain, followed by the platform's own follower, gives exactly the expected events."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from holdfast.postgres.database import Database
from holdfast.service.recordings import take_up_recording
from holdfast.settings import Settings
from holdfast.systems.triggers.demo.demo import RECORDING
from holdfast.systems.triggers.standing import pending, status, totals
from tests.triggers.conftest import Maker, until
from tests.triggers.webhooks import following

EXPECTED = json.loads((Path(__file__).parent / "data" / "erc8004-recording.expected.json").read_text())


async def test_canonical_events_equal_the_expected_file(
    fresh_database: Database, maker: Maker, settings: Settings
) -> None:
    trigger = await maker.trigger(("event_type_equals", "event_type", "=", "NewFeedback"))
    recording = Path(str(files("holdfast.systems.triggers.demo") / "data" / RECORDING))
    await take_up_recording(fresh_database, recording)

    async def through() -> bool:
        rows = await maker.rows("SELECT at_end FROM holdfast.checkpoints WHERE subscription = 'triggers'")
        return bool(rows) and bool(rows[0]["at_end"])

    async with following(fresh_database):
        await until(through, seconds=60)
    canonical = await maker.rows(
        "SELECT block_hash, log_index FROM triggers.events WHERE canonical ORDER BY block_number, log_index"
    )
    assert [[row["block_hash"], row["log_index"]] for row in canonical] == EXPECTED["canonical"]
    async with fresh_database.connection() as connection:
        counted = await totals(connection)
        lines = {line.name: line for line in await status(connection)}
        assert await pending(connection) == 0
    assert counted["events_canonical"] == EXPECTED["header"]["canonical_logs"]
    assert counted["events_retracted"] == 424
    assert lines["triggers"].value == "1 enabled, 3 registries followed"
    # every event of the type matched once, those that were retracted too
    matched = await maker.value("SELECT count(*) FROM triggers.events WHERE event_type = 'NewFeedback'")
    assert counted["matches"] == matched == len(await maker.matched(trigger))
    assert await maker.value("SELECT count(*) FROM holdfast.quarantine") == 0


async def test_summaries_of_the_contract_follow_from_the_events(
    fresh_database: Database, maker: Maker
) -> None:
    """The count of feedback that stands is what the contract's own getSummary answered."""
    recording = Path(str(files("holdfast.systems.triggers.demo") / "data" / RECORDING))
    await take_up_recording(fresh_database, recording)

    async def through() -> bool:
        return bool(await maker.rows("SELECT 1 FROM holdfast.checkpoints WHERE at_end"))

    async with following(fresh_database):
        await until(through, seconds=60)
    for summary in EXPECTED["summaries"]:
        counted = await maker.value(
            "SELECT count(*) FROM triggers.events AS given WHERE canonical AND event_type = 'NewFeedback' "
            "AND agent_id = %(agent)s::numeric AND (%(tag1)s = '' OR tag1 = %(tag1)s) "
            "AND (%(tag2)s = '' OR tag2 = %(tag2)s) AND NOT EXISTS (SELECT FROM triggers.events AS revoked "
            "WHERE revoked.canonical AND revoked.event_type = 'FeedbackRevoked' "
            "AND revoked.agent_id = given.agent_id AND revoked.client_address = given.client_address "
            "AND revoked.feedback_index = given.feedback_index)",
            agent=summary["agent_id"],
            tag1=summary["tag1"],
            tag2=summary["tag2"],
        )
        assert counted == summary["count"], summary
