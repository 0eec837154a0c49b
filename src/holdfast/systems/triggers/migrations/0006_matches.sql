-- holdfast-lint: allow create-trigger: the table is released together with this file, so it has no rows yet

-- UP

-- An event that a trigger's conditions let through, once a generation. Events and triggers are named
-- by value: the statement that matches locks the triggers, which costs less than a key a row.
CREATE TABLE triggers.matches (
    trigger_id TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    block_hash TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    block_number BIGINT NOT NULL,
    block_time TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (trigger_id, chain_id, block_hash, log_index, generation)
);
COMMENT ON TABLE triggers.matches IS 'Which event fired which trigger; stays when the event is retracted.';

CREATE FUNCTION triggers.delete_matches_of_triggers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM triggers.matches USING gone WHERE matches.trigger_id = gone.id;
    RETURN NULL;
END;
$$;
CREATE TRIGGER triggers_delete_matches
    AFTER DELETE ON triggers.triggers REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.delete_matches_of_triggers();

-- DOWN

DROP TRIGGER triggers_delete_matches ON triggers.triggers;
DROP FUNCTION triggers.delete_matches_of_triggers();
DROP TABLE triggers.matches;
