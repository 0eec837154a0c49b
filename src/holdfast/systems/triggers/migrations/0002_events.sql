-- UP

CREATE TABLE triggers.events (
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL CHECK (block_number >= 0),
    block_hash TEXT NOT NULL,
    block_time TIMESTAMPTZ NOT NULL,
    transaction_hash TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    address TEXT NOT NULL,
    registry TEXT NOT NULL CHECK (registry IN ('identity', 'reputation', 'validation')),
    event_type TEXT NOT NULL,

    -- Common fields
    agent_id NUMERIC(78, 0),

    -- Identity registry
    owner TEXT,
    token_uri TEXT,
    updated_by TEXT,
    metadata_key TEXT,
    metadata_value TEXT,

    -- Reputation registry
    client_address TEXT,
    feedback_index NUMERIC(20, 0),
    value NUMERIC(39, 0),
    value_decimals SMALLINT CHECK (value_decimals BETWEEN 0 AND 255),
    tag1 TEXT,
    tag2 TEXT,
    endpoint TEXT,
    file_uri TEXT,
    file_hash TEXT,
    responder TEXT,

    -- Validation registry
    validator_address TEXT,
    request_hash TEXT,
    request_uri TEXT,
    response INTEGER,
    response_uri TEXT,
    response_hash TEXT,
    tag TEXT,

    -- Arguments that no column holds, by their names in the event; numbers as strings
    arguments JSONB,

    canonical BOOLEAN NOT NULL DEFAULT true,
    generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),

    -- The seed's columns that follow from others
    id TEXT NOT NULL GENERATED ALWAYS AS
        (chain_id::TEXT || '-' || block_number::TEXT || '-' || log_index::TEXT) STORED,
    timestamp BIGINT NOT NULL GENERATED ALWAYS AS
        (extract(epoch FROM block_time AT TIME ZONE 'UTC')::BIGINT) STORED,
    score NUMERIC GENERATED ALWAYS AS
        (value * ('1e-' || value_decimals::TEXT)::NUMERIC) STORED,

    PRIMARY KEY (chain_id, block_hash, log_index, block_time)
) PARTITION BY RANGE (block_time);

COMMENT ON TABLE triggers.events IS
    'Every log of the registries, append-only; one row a log and block, canonical or not.';
COMMENT ON COLUMN triggers.events.id IS
    '{chain}-{block}-{log}: names one canonical row; blocks that replaced each other share it.';
COMMENT ON COLUMN triggers.events.generation IS
    'How often the block came back after it had been replaced.';
COMMENT ON COLUMN triggers.events.score IS 'value / 10^value_decimals, exactly.';
COMMENT ON COLUMN triggers.events.metadata_value IS 'The bytes, as 0x and hex digits.';

CREATE INDEX idx_events_chain_id_created_at ON triggers.events (chain_id, created_at DESC);
CREATE INDEX idx_events_agent_id ON triggers.events (agent_id) WHERE agent_id IS NOT NULL;
CREATE INDEX idx_events_registry_type ON triggers.events (registry, event_type);
CREATE INDEX idx_events_client_address ON triggers.events (client_address) WHERE client_address IS NOT NULL;
CREATE INDEX idx_events_validator_address ON triggers.events (validator_address)
    WHERE validator_address IS NOT NULL;
CREATE INDEX idx_events_block_number ON triggers.events (chain_id, block_number);
CREATE UNIQUE INDEX events_canonical_id ON triggers.events (id, block_time) WHERE canonical;
CREATE INDEX events_newest ON triggers.events (block_time);

-- Events are facts: nothing but the canonical flag and its generation ever changes, and rows leave
-- only with their partition, by retention.

CREATE FUNCTION triggers.refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Events are append-only: % of triggers.events is refused.', TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'A reorganisation changes canonical and generation; retention drops whole partitions.';
END;
$$;

CREATE TRIGGER events_refuse_update
    BEFORE UPDATE OF chain_id, block_number, block_hash, block_time, transaction_hash, log_index, address,
        registry, event_type, agent_id, owner, token_uri, updated_by, metadata_key, metadata_value,
        client_address, feedback_index, value, value_decimals, tag1, tag2, endpoint, file_uri, file_hash,
        responder, validator_address, request_hash, request_uri, response, response_uri, response_hash, tag,
        arguments, created_at
    ON triggers.events
    FOR EACH ROW EXECUTE FUNCTION triggers.refuse_event_change();

-- canonical -> not canonical keeps the generation; not canonical -> canonical raises it by one.
CREATE TRIGGER events_refuse_generation
    BEFORE UPDATE ON triggers.events
    FOR EACH ROW
    WHEN (NEW.canonical = OLD.canonical
          OR NEW.generation <> OLD.generation + CASE WHEN NEW.canonical THEN 1 ELSE 0 END)
    EXECUTE FUNCTION triggers.refuse_event_change();

CREATE TRIGGER events_refuse_delete
    BEFORE DELETE ON triggers.events
    FOR EACH ROW EXECUTE FUNCTION triggers.refuse_event_change();

CREATE TRIGGER events_refuse_truncate
    BEFORE TRUNCATE ON triggers.events
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.refuse_event_change();

-- The seed's channel, one notification a statement and chain: {"chain_id", "first_block", "last_block",
-- "events"}. The rows are found by their created_at, which costs a fraction of a transition table; so
-- several statements of one transaction each tell the range so far.
CREATE FUNCTION triggers.notify_new_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('new_event', json_build_object(
            'chain_id', told.chain_id,
            'first_block', told.first_block,
            'last_block', told.last_block,
            'events', told.events)::TEXT)
        FROM (SELECT DISTINCT registries.chain_id FROM triggers.registries) AS chains
        CROSS JOIN LATERAL (
            SELECT events.chain_id, min(events.block_number) AS first_block,
                   max(events.block_number) AS last_block, count(*) AS events
                FROM triggers.events
                WHERE events.chain_id = chains.chain_id AND events.created_at = now()
                GROUP BY events.chain_id
        ) AS told;
    RETURN NULL;
END;
$$;

CREATE TRIGGER events_notify_trigger
    AFTER INSERT ON triggers.events
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.notify_new_event();

-- DOWN

DROP TABLE triggers.events;
DROP FUNCTION triggers.notify_new_event();
DROP FUNCTION triggers.refuse_event_change();
