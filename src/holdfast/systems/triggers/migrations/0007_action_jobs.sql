-- holdfast-lint: allow create-trigger: the table is released together with this file, so it has no rows yet

-- UP

-- One delivery: of a match, or of the retraction that follows a match which was sent and did not stay.
-- id is what the receiver sees as webhook-id; it follows from the action, the event and its generation,
-- so that a decision exists once, whatever is repeated.
CREATE TABLE triggers.action_jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('match', 'retraction')),
    retracts TEXT UNIQUE,
    retracted_at TIMESTAMPTZ,
    trigger_id TEXT NOT NULL,
    action_id INTEGER NOT NULL,
    action_type TEXT NOT NULL CHECK (action_type IN ('telegram', 'rest', 'mcp')),
    user_id TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash TEXT NOT NULL,
    block_time TIMESTAMPTZ NOT NULL,
    log_index BIGINT NOT NULL,
    generation INTEGER NOT NULL,

    status TEXT NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'sending', 'retrying', 'succeeded', 'dead', 'cancelled')),
    priority INTEGER NOT NULL DEFAULT 1,
    due_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts INTEGER NOT NULL DEFAULT 8 CHECK (max_attempts >= 1),
    leased_by TEXT,
    leased_until TIMESTAMPTZ,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at TIMESTAMPTZ,

    CONSTRAINT retraction_says_of_what CHECK ((kind = 'retraction') = (retracts IS NOT NULL)),
    CONSTRAINT only_matches_are_retracted CHECK (kind = 'match' OR retracted_at IS NULL),
    CONSTRAINT leased_while_sending CHECK (
        (status = 'sending') = (leased_by IS NOT NULL) AND (leased_by IS NULL) = (leased_until IS NULL)),
    CONSTRAINT finished_at_its_end CHECK (
        (status IN ('succeeded', 'dead', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT dead_with_a_reason CHECK (status <> 'dead' OR last_error <> '')
);
COMMENT ON TABLE triggers.action_jobs IS
    'Deliveries: claimed by lease, tried again, dead with a reason, cancelled when overtaken.';
COMMENT ON COLUMN triggers.action_jobs.retracted_at IS
    'When the event was found to be no longer canonical; no further attempt is made then.';

CREATE INDEX action_jobs_claim ON triggers.action_jobs (priority, due_at, id)
    WHERE status IN ('queued', 'retrying');
CREATE INDEX action_jobs_due ON triggers.action_jobs (due_at) WHERE status IN ('queued', 'retrying');
CREATE INDEX action_jobs_leased ON triggers.action_jobs (leased_until) WHERE status = 'sending';
CREATE INDEX action_jobs_block ON triggers.action_jobs (chain_id, block_hash);
CREATE INDEX action_jobs_waiting_action ON triggers.action_jobs (action_id)
    WHERE status IN ('queued', 'retrying');
ALTER TABLE triggers.action_jobs SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
);

CREATE TRIGGER action_jobs_begin
    BEFORE INSERT ON triggers.action_jobs
    FOR EACH ROW WHEN (NEW.status <> 'queued')
    EXECUTE FUNCTION holdfast.refuse_status();
CREATE TRIGGER action_jobs_step
    BEFORE UPDATE ON triggers.action_jobs
    FOR EACH ROW WHEN (
        NOT ((OLD.status = NEW.status AND OLD.leased_by IS NOT DISTINCT FROM NEW.leased_by)
          OR (OLD.status IN ('queued', 'retrying') AND NEW.status IN ('sending', 'cancelled'))
          OR (OLD.status = 'sending' AND NEW.status IN ('retrying', 'succeeded', 'dead', 'cancelled'))
          OR (OLD.status = 'dead' AND NEW.status = 'queued'))
    )
    EXECUTE FUNCTION holdfast.refuse_status();
CREATE TRIGGER action_jobs_notify
    AFTER INSERT ON triggers.action_jobs REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION holdfast.notify_added('triggers_action_jobs');

-- What waits for an action that is gone can never be sent.
CREATE FUNCTION triggers.cancel_jobs_of_actions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- locked in the order in which everybody locks several jobs
    PERFORM FROM triggers.action_jobs
        WHERE action_id IN (SELECT id FROM gone) AND status IN ('queued', 'retrying')
        ORDER BY id FOR UPDATE;
    UPDATE triggers.action_jobs
        SET status = 'cancelled', last_error = 'The action was deleted.', updated_at = now(),
            finished_at = now()
        FROM gone
        WHERE action_jobs.action_id = gone.id AND action_jobs.status IN ('queued', 'retrying');
    RETURN NULL;
END;
$$;
CREATE TRIGGER trigger_actions_cancel_jobs
    AFTER DELETE ON triggers.trigger_actions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.cancel_jobs_of_actions();

-- DOWN

DROP TRIGGER trigger_actions_cancel_jobs ON triggers.trigger_actions;
DROP FUNCTION triggers.cancel_jobs_of_actions();
DROP TABLE triggers.action_jobs;
