-- name: set_state
-- Say how a follower stands; since is kept while the state is the same.
INSERT INTO holdfast.chain_states AS standing
    (subscription, chain_id, state, message, head_number, finalized_number, retry_at)
VALUES (
    %(subscription)s, %(chain_id)s, %(state)s, %(message)s, %(head)s, %(finalized)s,
    now() + make_interval(secs => %(retry_seconds)s)
)
ON CONFLICT (subscription, chain_id) DO UPDATE
SET state = excluded.state,
    message = excluded.message,
    head_number = coalesce(excluded.head_number, standing.head_number),
    finalized_number = coalesce(excluded.finalized_number, standing.finalized_number),
    retry_at = excluded.retry_at,
    since = CASE WHEN standing.state = excluded.state THEN standing.since ELSE now() END,
    updated_at = now();

-- name: standings
-- Read every chain with each subscription's checkpoint and how its follower stands.
SELECT chain.chain_id, chain.name, chain.rpc_url, chain.start_block, chain.confirmations, chain.enabled,
    checkpoint.subscription, checkpoint.last_block_number, checkpoint.last_block_hash,
    checkpoint.last_block_time, checkpoint.blocks_observed, checkpoint.reorganisations, checkpoint.at_end,
    checkpoint.replay_next, checkpoint.replay_until, checkpoint.updated_at,
    standing.state, standing.message, standing.head_number, standing.finalized_number, standing.retry_at,
    standing.since, standing.updated_at AS heard_at,
    (
        SELECT count(*)
        FROM holdfast.quarantine AS log
        WHERE log.chain_id = chain.chain_id AND log.subscription = checkpoint.subscription AND log.canonical
    ) AS quarantined
FROM holdfast.chains AS chain
LEFT JOIN holdfast.checkpoints AS checkpoint USING (chain_id)
LEFT JOIN holdfast.chain_states AS standing USING (subscription, chain_id)
ORDER BY chain.chain_id, checkpoint.subscription;

-- name: totals
-- Sum what was observed of all chains, also of removed ones.
SELECT coalesce(sum(blocks_observed), 0)::bigint AS blocks_observed,
    coalesce(sum(reorganisations), 0)::bigint AS reorganisations
FROM holdfast.checkpoints;

-- name: ended
-- Count enabled chains, and the checkpoints of the declared subscriptions that stand at their end.
SELECT (SELECT count(*) FROM holdfast.chains WHERE enabled) AS chains,
    count(*) AS ended
FROM holdfast.checkpoints AS checkpoint
JOIN holdfast.chains AS chain USING (chain_id)
WHERE chain.enabled AND checkpoint.subscription = ANY(%(subscriptions)s)
    AND checkpoint.at_end AND checkpoint.replay_next IS NULL;

-- name: quarantine_reasons
-- Count quarantined canonical logs by chain and reason, the most frequent first.
SELECT chain_id, subscription, reason, count(*) AS logs, max(block_number) AS newest_block
FROM holdfast.quarantine
WHERE canonical
GROUP BY chain_id, subscription, reason
ORDER BY count(*) DESC, chain_id, reason
LIMIT 20;
