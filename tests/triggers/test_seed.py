"""With the search path set to the system's schema, the seed's queries run as printed."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.triggers.chain import Chain, feedback
from tests.triggers.conftest import Maker

QUERIES = [
    "SELECT * FROM triggers WHERE chain_id = 84532 AND registry = 'reputation' AND enabled = true",
    "SELECT id, name, chain_id FROM triggers WHERE user_id = 'user_123'",
    "EXPLAIN ANALYZE SELECT * FROM events WHERE agent_id = 42 AND created_at > NOW() - INTERVAL '7 days'",
    "VACUUM ANALYZE triggers",
    "VACUUM ANALYZE events",
    "VACUUM ANALYZE action_results",
    "VACUUM FULL triggers",
    "SELECT id, username, email, password_hash, created_at, updated_at, last_login_at, is_active FROM users",
    "SELECT chain_id, last_block_number, last_block_hash, updated_at FROM checkpoints",
    "SELECT DATE_TRUNC('hour', executed_at) as hour, action_type, COUNT(*) as total_executions, "
    "SUM(CASE WHEN status = 'success' THEN 1 ELSE 0 END) as success_count, "
    "SUM(CASE WHEN status = 'failed' THEN 1 ELSE 0 END) as failure_count, "
    "AVG(duration_ms) as avg_duration_ms, "
    "PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY duration_ms) as p95_duration_ms "
    "FROM action_results GROUP BY hour, action_type",
]

COLUMNS = {
    "triggers": "id user_id name description chain_id registry enabled is_stateful created_at updated_at",
    "trigger_conditions": "id trigger_id condition_type field operator value config created_at",
    "trigger_actions": "id trigger_id action_type priority config created_at",
    "events": "id chain_id block_number block_hash transaction_hash log_index registry event_type agent_id "
    "timestamp owner token_uri metadata_key metadata_value client_address feedback_index score tag1 tag2 "
    "file_uri file_hash validator_address request_hash response response_uri response_hash tag created_at",
    "checkpoints": "chain_id last_block_number last_block_hash updated_at",
    "action_results": "id job_id trigger_id event_id action_type status executed_at duration_ms "
    "error_message response_data retry_count",
    "users": "id username email password_hash created_at updated_at last_login_at is_active",
}

INDEXES = {
    "idx_triggers_user_id",
    "idx_triggers_chain_registry_enabled",
    "idx_trigger_conditions_trigger_id",
    "idx_trigger_actions_trigger_id",
    "idx_events_chain_id_created_at",
    "idx_events_agent_id",
    "idx_events_registry_type",
    "idx_events_client_address",
    "idx_events_validator_address",
    "idx_events_block_number",
    "idx_action_results_trigger_id",
    "idx_action_results_event_id",
    "idx_action_results_status",
    "idx_action_results_executed_at",
    "idx_action_results_action_type",
}


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_seed_runs_as_printed(chain: Chain, query: str) -> None:
    async with chain.database.direct() as connection:
        await connection.execute("SET search_path TO triggers")
        await connection.execute(sql.SQL(query))


async def test_the_seeds_tables_columns_and_indexes_are_there(maker: Maker) -> None:
    for table, columns in COLUMNS.items():
        rows = await maker.rows(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = 'triggers' AND table_name = %(table)s",
            table=table,
        )
        assert set(columns.split()) <= {row["column_name"] for row in rows}, table
    rows = await maker.rows("SELECT indexname FROM pg_indexes WHERE schemaname = 'triggers'")
    assert {row["indexname"] for row in rows} >= INDEXES


async def test_the_seeds_inserts_make_a_trigger_that_fires(chain: Chain, maker: Maker) -> None:
    user = await maker.user()
    async with chain.database.transaction() as connection:
        await connection.execute("SET LOCAL search_path TO triggers")
        await connection.execute(
            "INSERT INTO triggers (id, user_id, name, chain_id, registry) "
            "VALUES ('t', %s, 'n', 31337, 'reputation')",
            [user],
        )
        await connection.execute(
            "INSERT INTO trigger_conditions (trigger_id, condition_type, field, operator, value) "
            "VALUES ('t', 'score_threshold', 'score', '<', '60')"
        )
        await connection.execute(
            "INSERT INTO trigger_actions (trigger_id, action_type, config) "
            """VALUES ('t', 'telegram', '{"chat_id": "123456789"}'), ('t', 'rest', '{"url": "https://a.example/"}')"""
        )
    await chain.add(feedback(value=59), feedback(value=60), number=1)
    assert await maker.matched("t") == [(1, 0, 0)]
    # an action that cannot be delivered yet makes no job
    assert [job["action_type"] for job in await maker.jobs()] == ["rest"]
