-- UP

CREATE TABLE holdfast.chains (
    chain_id BIGINT PRIMARY KEY CHECK (chain_id > 0),
    name TEXT NOT NULL DEFAULT '',
    rpc_url TEXT NOT NULL CHECK (rpc_url <> ''),
    start_block BIGINT NOT NULL DEFAULT 0 CHECK (start_block >= 0),
    confirmations INTEGER CHECK (confirmations >= 0),
    enabled BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE holdfast.chains IS 'Chains to follow. rpc_url may hold a key: it is never shown whole.';
COMMENT ON COLUMN holdfast.chains.rpc_url IS 'http(s) URL of a JSON-RPC node, or recording:FILE.';
COMMENT ON COLUMN holdfast.chains.confirmations IS
    'Blocks behind the head that count as final where the node does not know the finalized tag; NULL: the setting.';

CREATE FUNCTION holdfast.notify_chains() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY holdfast_chains;
    RETURN NULL;
END;
$$;
CREATE TRIGGER chains_notify
    AFTER INSERT OR UPDATE OR DELETE ON holdfast.chains
    FOR EACH STATEMENT EXECUTE FUNCTION holdfast.notify_chains();

CREATE TABLE holdfast.checkpoints (
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    last_block_number BIGINT NOT NULL DEFAULT -1,
    last_block_hash TEXT NOT NULL DEFAULT '',
    last_block_time TIMESTAMPTZ,
    blocks_observed BIGINT NOT NULL DEFAULT 0,
    reorganisations BIGINT NOT NULL DEFAULT 0,
    source_position BIGINT NOT NULL DEFAULT 0,
    at_end BOOLEAN NOT NULL DEFAULT false,
    replay_next BIGINT,
    replay_until BIGINT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, chain_id),
    CHECK ((last_block_number < 0) = (last_block_hash = '')),
    CHECK ((replay_next IS NULL) = (replay_until IS NULL)),
    CHECK (replay_until <= last_block_number)
);
COMMENT ON TABLE holdfast.checkpoints IS
    'How far each subscription has read each chain; moves in the transaction that stores what was read.';
COMMENT ON COLUMN holdfast.checkpoints.last_block_number IS '-1 before the first block.';
COMMENT ON COLUMN holdfast.checkpoints.source_position IS 'Blocks of a recording that were taken; 0 with a node.';
COMMENT ON COLUMN holdfast.checkpoints.at_end IS 'Stood at the head of the node or the end of the recording.';
COMMENT ON COLUMN holdfast.checkpoints.replay_next IS
    'The next block whose history is read again because a contract was added; NULL: nothing to read again.';

CREATE TABLE holdfast.blocks (
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    number BIGINT NOT NULL CHECK (number >= 0),
    hash TEXT NOT NULL,
    parent_hash TEXT NOT NULL DEFAULT '',
    block_time TIMESTAMPTZ NOT NULL,
    logs INTEGER NOT NULL DEFAULT 0,
    milestone BOOLEAN NOT NULL DEFAULT false,
    canonical BOOLEAN NOT NULL DEFAULT true,
    observed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, chain_id, hash)
);
CREATE UNIQUE INDEX blocks_canonical ON holdfast.blocks (subscription, chain_id, number) WHERE canonical;
CREATE INDEX blocks_not_canonical ON holdfast.blocks (subscription, chain_id, number) WHERE NOT canonical;
COMMENT ON TABLE holdfast.blocks IS
    'Headers that were read: every one above finality, below it those with logs and the ends of ranges.';

CREATE TABLE holdfast.reorganisations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    ancestor_number BIGINT NOT NULL,
    ancestor_hash TEXT NOT NULL,
    from_number BIGINT NOT NULL,
    from_hash TEXT NOT NULL,
    to_number BIGINT NOT NULL,
    to_hash TEXT NOT NULL,
    depth BIGINT GENERATED ALWAYS AS (from_number - ancestor_number) STORED,
    observed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX reorganisations_chain ON holdfast.reorganisations (chain_id, subscription, id);
COMMENT ON TABLE holdfast.reorganisations IS
    'Each reorganisation: the last common block (-1 and empty: none), the old head and the new one.';

CREATE TABLE holdfast.quarantine (
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash TEXT NOT NULL,
    block_time TIMESTAMPTZ NOT NULL,
    transaction_hash TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    address TEXT NOT NULL,
    topics TEXT[] NOT NULL,
    data TEXT NOT NULL,
    reason TEXT NOT NULL,
    canonical BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, chain_id, block_hash, log_index)
);
CREATE INDEX quarantine_canonical ON holdfast.quarantine (chain_id, subscription, reason) WHERE canonical;
COMMENT ON TABLE holdfast.quarantine IS 'Logs that could not be decoded, whole, each with its reason.';

CREATE TABLE holdfast.chain_states (
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('starting', 'idle', 'reading', 'following', 'at_end', 'lagging', 'waiting', 'failing')),
    message TEXT NOT NULL DEFAULT '',
    head_number BIGINT,
    finalized_number BIGINT,
    retry_at TIMESTAMPTZ,
    since TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, chain_id)
);
COMMENT ON TABLE holdfast.chain_states IS 'How each follower stands: what the live view, status and GET /chains show.';

-- DOWN

DROP TABLE holdfast.chain_states;
DROP TABLE holdfast.quarantine;
DROP TABLE holdfast.reorganisations;
DROP TABLE holdfast.blocks;
DROP TABLE holdfast.checkpoints;
DROP TABLE holdfast.chains;
DROP FUNCTION holdfast.notify_chains();
