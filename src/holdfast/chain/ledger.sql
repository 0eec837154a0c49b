-- name: ensure_checkpoint
-- Begin a subscription's checkpoint of a chain where there is none.
INSERT INTO holdfast.checkpoints (subscription, chain_id)
VALUES (%(subscription)s, %(chain_id)s)
ON CONFLICT DO NOTHING;

-- name: read_checkpoint
-- Read how far a subscription has read a chain.
SELECT last_block_number, last_block_hash, source_position, at_end, replay_next, replay_until
FROM holdfast.checkpoints
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s;

-- name: lock_checkpoint
-- Take the checkpoint for the transaction that moves it; whoever rewinds waits, and the other way round.
SELECT last_block_number, last_block_hash, source_position, at_end, replay_next, replay_until
FROM holdfast.checkpoints
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s
FOR UPDATE;

-- name: move_checkpoint
-- Move the checkpoint to what this transaction stored; a replay never goes beyond a common ancestor.
UPDATE holdfast.checkpoints
SET last_block_number = %(number)s,
    last_block_hash = %(hash)s,
    last_block_time = CASE WHEN %(number)s::bigint >= 0 THEN to_timestamp(%(time)s) END,
    blocks_observed = blocks_observed + %(observed)s,
    reorganisations = reorganisations + %(reorganised)s,
    source_position = %(position)s,
    at_end = %(at_end)s,
    replay_next = CASE WHEN replay_next <= least(replay_until, %(ancestor)s) THEN replay_next END,
    replay_until = CASE
        WHEN replay_next <= least(replay_until, %(ancestor)s) THEN least(replay_until, %(ancestor)s)
    END,
    updated_at = now()
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s;

-- name: mark_end
-- Say that the source has nothing more now, without moving.
UPDATE holdfast.checkpoints
SET at_end = true, updated_at = now()
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s
    AND last_block_hash = %(hash)s AND NOT at_end;

-- name: move_replay
-- Note which block is read again next; NULL ends the replay.
UPDATE holdfast.checkpoints
SET replay_next = %(next)s::bigint,
    replay_until = CASE WHEN %(next)s::bigint IS NULL THEN NULL ELSE replay_until END,
    updated_at = now()
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s;

-- name: rewind
-- Have everything up to the checkpoint read again, from the chain's start block on.
INSERT INTO holdfast.checkpoints AS checkpoint (subscription, chain_id)
VALUES (%(subscription)s, %(chain_id)s)
ON CONFLICT (subscription, chain_id) DO UPDATE
SET replay_next = CASE WHEN checkpoint.last_block_number >= 0 THEN least(
        checkpoint.last_block_number,
        coalesce((SELECT start_block FROM holdfast.chains WHERE chain_id = %(chain_id)s), 0)
    ) END,
    replay_until = CASE WHEN checkpoint.last_block_number >= 0 THEN checkpoint.last_block_number END,
    updated_at = now();

-- name: notify
-- Wake whoever follows chains.
SELECT pg_notify('holdfast_chains', '');

-- name: canonical_down_from
-- Read stored canonical blocks, the highest first, from a number downwards.
SELECT number, hash, parent_hash, extract(epoch FROM block_time)::bigint AS block_time
FROM holdfast.blocks
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s AND canonical AND number <= %(number)s
ORDER BY number DESC
LIMIT %(limit)s;

-- name: retract_blocks
-- Mark every block above the common ancestor as no longer canonical.
UPDATE holdfast.blocks
SET canonical = false
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s AND canonical AND number > %(ancestor)s
RETURNING number, hash, parent_hash, extract(epoch FROM block_time)::bigint AS block_time;

-- name: retract_quarantine
-- Mark quarantined logs above the common ancestor as no longer canonical.
UPDATE holdfast.quarantine
SET canonical = false
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s
    AND canonical AND block_number > %(ancestor)s;

-- name: restored_blocks
-- Find which of some blocks were canonical before and are not now.
SELECT number, hash, parent_hash, extract(epoch FROM block_time)::bigint AS block_time
FROM holdfast.blocks
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s AND NOT canonical
    AND number BETWEEN %(first)s AND %(last)s AND hash = ANY(%(hashes)s);

-- name: restore_quarantine
-- Mark quarantined logs of blocks that are canonical again.
UPDATE holdfast.quarantine
SET canonical = true
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s
    AND NOT canonical AND block_hash = ANY(%(hashes)s);

-- name: keep_blocks
-- Store headers, or mark stored ones as canonical.
INSERT INTO holdfast.blocks AS kept
    (subscription, chain_id, number, hash, parent_hash, block_time, logs, milestone)
SELECT %(subscription)s, %(chain_id)s, number, hash, parent_hash, to_timestamp(block_time), logs, milestone
FROM unnest(
    %(numbers)s::bigint[], %(hashes)s::text[], %(parents)s::text[], %(times)s::bigint[], %(logs)s::int[],
    %(milestones)s::boolean[]
) AS block (number, hash, parent_hash, block_time, logs, milestone)
ON CONFLICT (subscription, chain_id, hash) DO UPDATE
SET canonical = true,
    parent_hash = CASE WHEN excluded.parent_hash = '' THEN kept.parent_hash ELSE excluded.parent_hash END,
    logs = greatest(kept.logs, excluded.logs),
    milestone = kept.milestone OR excluded.milestone;

-- name: contradicting_blocks
-- Find canonical blocks that have the number of another one that was read now.
SELECT kept.number
FROM holdfast.blocks AS kept
JOIN unnest(%(numbers)s::bigint[], %(hashes)s::text[]) AS block (number, hash) USING (number)
WHERE kept.subscription = %(subscription)s AND kept.chain_id = %(chain_id)s AND kept.canonical
    AND kept.hash <> block.hash
ORDER BY kept.number
LIMIT 1;

-- name: prune_blocks
-- Let go of final headers without logs that are no milestones, and of old ones that lost.
DELETE FROM holdfast.blocks
WHERE subscription = %(subscription)s AND chain_id = %(chain_id)s AND number < %(below)s
    AND logs = 0 AND NOT milestone;

-- name: keep_reorganisation
-- Note a reorganisation: the common ancestor, the old head and the new one.
INSERT INTO holdfast.reorganisations
    (subscription, chain_id, ancestor_number, ancestor_hash, from_number, from_hash, to_number, to_hash)
VALUES (
    %(subscription)s, %(chain_id)s, %(ancestor_number)s, %(ancestor_hash)s, %(from_number)s, %(from_hash)s,
    %(to_number)s, %(to_hash)s
);

-- name: keep_quarantined
-- Store logs that could not be decoded, each with its reason.
INSERT INTO holdfast.quarantine (
    subscription, chain_id, block_number, block_hash, block_time, transaction_hash, log_index, address,
    topics, data, reason
)
SELECT %(subscription)s, %(chain_id)s, block_number, block_hash, to_timestamp(block_time), transaction_hash,
    log_index, address, string_to_array(topics, ' '), data, reason
FROM unnest(
    %(block_numbers)s::bigint[], %(block_hashes)s::text[], %(block_times)s::bigint[],
    %(transaction_hashes)s::text[], %(log_indexes)s::bigint[], %(addresses)s::text[], %(topics)s::text[],
    %(data)s::text[], %(reasons)s::text[]
) AS log (
    block_number, block_hash, block_time, transaction_hash, log_index, address, topics, data, reason
)
ON CONFLICT (subscription, chain_id, block_hash, log_index) DO UPDATE
SET canonical = true, reason = excluded.reason;
