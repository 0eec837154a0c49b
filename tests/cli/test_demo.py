"""The demo from its beginning to its end, and again after it was killed at random moments."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from holdfast.postgres.embedded.occupancy import acquire
from tests.fixtures.commands import HoldfastCommands

EXPECTED = json.loads(
    (Path(__file__).parent.parent / "chain" / "data" / "erc8004-recording.expected.json").read_text()
)
KILLS = 20
TO_THE_END = ("up", "--demo", "--exit-when-done", "--json", "--port", "0")

_CANONICAL = (
    "SELECT block_hash, log_index FROM triggers.events WHERE canonical ORDER BY block_number, log_index"
)
_EVENTS = "SELECT block_hash, log_index, canonical, generation FROM triggers.events"
_MATCHES = """
    SELECT triggers.name, block_hash, log_index, generation
    FROM triggers.matches JOIN triggers.triggers ON triggers.id = matches.trigger_id"""
_STANDING = """
    SELECT triggers.name, jobs.block_hash, jobs.log_index, jobs.generation
    FROM triggers.action_jobs AS jobs
    JOIN triggers.events USING (chain_id, block_hash, log_index, block_time)
    JOIN triggers.triggers ON triggers.id = jobs.trigger_id
    WHERE jobs.kind = 'match' AND jobs.status = 'succeeded' AND events.canonical
      AND events.generation = jobs.generation"""
_JOBS = """
    SELECT id, kind, retracts, status, attempts, retracted_at IS NOT NULL AS retracted
    FROM triggers.action_jobs"""
_PROGRESS = "SELECT coalesce(sum(blocks_observed), 0)::integer AS blocks_observed FROM holdfast.checkpoints"
_RESULTS = "SELECT job_id, status FROM triggers.action_results"


def read(data_dir: Path, statement: str) -> list[dict[str, Any]]:
    """Run a query on the data directory's database."""
    with (
        acquire(data_dir, purpose="test") as occupied,
        psycopg.connect(occupied.conninfo, row_factory=dict_row) as connection,
    ):
        return connection.execute(statement).fetchall()


def as_set(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """Return rows as a set, seeing that none of them is there twice."""
    found = {tuple(row.values()) for row in rows}
    assert len(found) == len(rows)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a demo that ran to its end undisturbed; its last line lies beside it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ended = HoldfastCommands(folder).run(*TO_THE_END)
    assert ended.returncode == 0, ended.stderr
    (folder / "last-line").write_text(ended.stdout.splitlines()[-1])
    return folder / "data"


def test_the_demo_ends_with_the_recordings_totals(undisturbed: Path) -> None:
    totals = json.loads((undisturbed.parent / "last-line").read_text())
    assert totals["blocks_observed"] == EXPECTED["header"]["blocks_observed"] == 208
    assert totals["reorganisations"] == EXPECTED["header"]["reorganisations"] == 16
    assert totals["events_canonical"] == EXPECTED["header"]["canonical_logs"] == 1612
    assert totals["events_retracted"] == 424
    assert totals["matches"] == len(as_set(read(undisturbed, _MATCHES)))
    assert sum(totals["deliveries"].values()) == len(read(undisturbed, _JOBS))
    assert set(totals["deliveries"]) <= {"succeeded", "cancelled"}


def test_canonical_events_equal_the_expected_file(undisturbed: Path) -> None:
    rows = read(undisturbed, _CANONICAL)
    assert [[row["block_hash"], row["log_index"]] for row in rows] == EXPECTED["canonical"]


def test_summaries_of_feedback_equal_those_of_the_contract(undisturbed: Path) -> None:
    """The contract left out revoked feedback; counts must agree for every agent and tag that it was asked."""
    counted = """
        SELECT count(*) AS count FROM triggers.events AS given
        WHERE canonical AND event_type = 'NewFeedback' AND agent_id = {agent_id}
          AND ({tag1} = '' OR tag1 = {tag1}) AND ({tag2} = '' OR tag2 = {tag2})
          AND NOT EXISTS (
              SELECT FROM triggers.events AS revoked
              WHERE revoked.canonical AND revoked.event_type = 'FeedbackRevoked'
                AND revoked.agent_id = given.agent_id AND revoked.client_address = given.client_address
                AND revoked.feedback_index = given.feedback_index)"""
    for summary in EXPECTED["summaries"]:
        values = {name: psycopg.sql.quote(summary[name]) for name in ("agent_id", "tag1", "tag2")}
        assert read(undisturbed, counted.format(**values))[0]["count"] == summary["count"], summary


def test_a_demo_that_has_ended_adds_nothing_when_started_again(undisturbed: Path) -> None:
    again = HoldfastCommands(undisturbed.parent).run(*TO_THE_END)
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[-1] == (undisturbed.parent / "last-line").read_text()


def test_the_demo_keeps_out_of_a_directory_with_other_data(holdfast: HoldfastCommands) -> None:
    password = "a long enough password\n"
    made = holdfast.run(
        "users", "create", "ada", "--email", "ada@example.org", "--password-file", "-", input=password
    )
    assert made.returncode == 0, made.stderr
    refused = holdfast.run(*TO_THE_END)
    assert refused.returncode == 1
    assert "--data-dir" in json.loads(refused.stderr.splitlines()[-1])["hint"]


def test_twenty_kills_change_nothing_that_was_decided(holdfast: HoldfastCommands, undisturbed: Path) -> None:
    moments = random.Random(8004)  # noqa: S311  moments of kills, the same in every run
    reached, pace = [0], 0.25
    for _ in range(KILLS):
        process = holdfast.start("up", "--demo", "--json", "--port", "0")
        holdfast.until(process, "serving")
        time.sleep(moments.uniform(0.0, pace))  # not a wait for something: the moment itself is random
        process.kill()
        process.wait(timeout=30)
        reached.append(read(holdfast.data_dir, _PROGRESS)[0]["blocks_observed"])
        pace *= 0.5 if reached[-1] - reached[-2] > 208 // KILLS else 1.3  # spread over the recording
    assert len({blocks for blocks in reached if 0 < blocks < 208}) >= KILLS // 4, f"not spread: {reached}"
    ended = holdfast.run(*TO_THE_END)
    assert ended.returncode == 0, ended.stderr
    check_decisions(holdfast.data_dir, undisturbed)
    check_deliveries(holdfast.data_dir)
    ours, theirs = (json.loads(line) for line in (ended.stdout.splitlines()[-1], last_line(undisturbed)))
    same = ("blocks_observed", "reorganisations", "events_canonical", "events_retracted", "matches")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}


def last_line(data_dir: Path) -> str:
    """Return the summary of the undisturbed demo."""
    return (data_dir.parent / "last-line").read_text()


def check_decisions(data_dir: Path, undisturbed: Path) -> None:
    """See that events, matches and standing deliveries are those of a run that nothing disturbed."""
    for statement in (_CANONICAL, _EVENTS, _MATCHES, _STANDING):
        assert as_set(read(data_dir, statement)) == as_set(read(undisturbed, statement))


def check_deliveries(data_dir: Path) -> None:
    """See that whatever was received has its row, and that every delivery ended as it says."""
    received = [json.loads(line) for line in (data_dir / "demo-received.jsonl").read_text().splitlines()]
    jobs = {row["id"]: row for row in read(data_dir, _JOBS)}
    attempts = Counter(row["job_id"] for row in read(data_dir, _RESULTS))
    times_received = Counter(message["id"] for message in received)
    assert set(times_received) <= set(jobs), "something was sent that no row knows"
    for message_id, times in times_received.items():
        assert times <= attempts[message_id], f"{message_id} was sent without a started attempt"
    assert not [row for row in read(data_dir, _RESULTS) if row["status"] == "started"]
    for job_id, job in jobs.items():
        assert job["status"] in ("succeeded", "cancelled"), job
        if job["status"] == "succeeded":
            assert times_received[job_id] >= 1, f"{job_id} is said to be delivered and was not received"
    retracting = {job["retracts"] for job in jobs.values() if job["kind"] == "retraction"}
    for job_id, job in jobs.items():
        if job["kind"] == "match" and job["retracted"] and times_received[job_id]:
            assert job_id in retracting, f"{job_id} was received, then retracted, and nobody was told"
