-- name: copy_events
-- purpose: Store decoded rows.
-- cannot-prepare: COPY
COPY triggers.events ({columns}) FROM STDIN

-- name: make_staging
-- purpose: Make a place for rows of which some may already be stored.
-- cannot-prepare: DDL
CREATE TEMPORARY TABLE triggers_staged_events ON COMMIT DROP AS
    SELECT {columns} FROM triggers.events WITH NO DATA

-- name: copy_staged
-- purpose: Fill the place for rows of which some may already be stored.
-- cannot-prepare: COPY
COPY triggers_staged_events ({columns}) FROM STDIN

-- name: store_staged
-- purpose: Store the rows that are not there yet.
-- cannot-prepare: the staging table exists only in the transaction
INSERT INTO triggers.events ({columns})
    SELECT {columns} FROM triggers_staged_events
    ON CONFLICT (chain_id, block_hash, log_index, block_time) DO NOTHING

-- name: drop_staging
-- purpose: Let another span of the same transaction make its own place.
-- cannot-prepare: DDL
DROP TABLE triggers_staged_events

-- name: retract
-- purpose: Mark the events of blocks that are no longer canonical.
UPDATE triggers.events
    SET canonical = false
    WHERE chain_id = %(chain_id)s AND block_hash = ANY (%(hashes)s)
      AND block_number BETWEEN %(first_block)s AND %(last_block)s
      AND block_time BETWEEN %(first_time)s AND %(last_time)s
      AND canonical

-- name: restore
-- purpose: Mark the events of blocks that are canonical again, as a new generation.
UPDATE triggers.events
    SET canonical = true, generation = generation + 1
    WHERE chain_id = %(chain_id)s AND block_hash = ANY (%(hashes)s)
      AND block_number BETWEEN %(first_block)s AND %(last_block)s
      AND block_time BETWEEN %(first_time)s AND %(last_time)s
      AND NOT canonical

-- name: watched
-- purpose: Say which contracts of a chain are registries.
SELECT address, registry FROM triggers.registries WHERE chain_id = %(chain_id)s
