-- name: all_chains
-- Read every chain.
SELECT chain_id, name, rpc_url, start_block, confirmations, enabled
FROM holdfast.chains
ORDER BY chain_id;

-- name: add_chain
-- Add a chain; nothing where one of that id is there.
INSERT INTO holdfast.chains (chain_id, name, rpc_url, start_block, confirmations)
VALUES (%(chain_id)s, %(name)s, %(rpc_url)s, %(start_block)s, %(confirmations)s)
ON CONFLICT (chain_id) DO NOTHING
RETURNING chain_id;

-- name: one_chain
-- Read one chain.
SELECT chain_id, name, rpc_url, start_block, confirmations, enabled
FROM holdfast.chains
WHERE chain_id = %(chain_id)s;

-- name: enable_chain
-- Pause or resume a chain.
UPDATE holdfast.chains
SET enabled = %(enabled)s, updated_at = now()
WHERE chain_id = %(chain_id)s
RETURNING chain_id;

-- name: remove_chain
-- Take a chain off the list; what was read of it stays.
DELETE FROM holdfast.chains
WHERE chain_id = %(chain_id)s
RETURNING chain_id;

-- name: remove_states
-- Forget how the followers of a removed chain stand.
DELETE FROM holdfast.chain_states
WHERE chain_id = %(chain_id)s;

-- name: restart_source
-- Have a chain's recording read from its first line, as another one than before.
UPDATE holdfast.checkpoints
SET source_position = 0, at_end = false, updated_at = now()
WHERE chain_id = %(chain_id)s;
