-- name: copy_events
-- purpose: Store decoded rows.
-- cannot-prepare: COPY
COPY triggers.events ({columns}) FROM STDIN

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
