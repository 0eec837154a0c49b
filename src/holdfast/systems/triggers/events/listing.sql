-- name: list
-- purpose: Read a page of events, the newest first.
SELECT events.*
    FROM triggers.events
    WHERE (%(canonical)s::BOOLEAN IS NULL OR canonical = %(canonical)s)
      AND (%(id)s::TEXT IS NULL OR id = %(id)s)
      AND (%(chain_id)s::BIGINT IS NULL OR chain_id = %(chain_id)s)
      AND (%(registry)s::TEXT IS NULL OR registry = %(registry)s)
      AND (%(event_type)s::TEXT IS NULL OR event_type = %(event_type)s)
      AND (%(agent_id)s::NUMERIC IS NULL OR agent_id = %(agent_id)s)
      AND (%(owner)s::TEXT IS NULL OR owner = %(owner)s)
      AND (%(client_address)s::TEXT IS NULL OR client_address = %(client_address)s)
      AND (%(validator_address)s::TEXT IS NULL OR validator_address = %(validator_address)s)
      AND (%(tag)s::TEXT IS NULL OR %(tag)s IN (tag1, tag2, tag))
      AND (%(transaction_hash)s::TEXT IS NULL OR transaction_hash = %(transaction_hash)s)
      AND (%(first_block)s::BIGINT IS NULL OR block_number >= %(first_block)s)
      AND (%(last_block)s::BIGINT IS NULL OR block_number <= %(last_block)s)
      AND (%(since)s::TIMESTAMPTZ IS NULL OR block_time >= %(since)s)
      AND (%(until)s::TIMESTAMPTZ IS NULL OR block_time < %(until)s)
      AND (%(after_time)s::TIMESTAMPTZ IS NULL
           OR block_time <= %(after_time)s
              AND (block_time, chain_id, block_number, log_index, block_hash)
                  < (%(after_time)s, %(after_chain)s::BIGINT, %(after_block)s::BIGINT,
                     %(after_log)s::BIGINT, %(after_hash)s::TEXT))
    ORDER BY block_time DESC, chain_id DESC, block_number DESC, log_index DESC, block_hash DESC
    LIMIT %(limit)s
