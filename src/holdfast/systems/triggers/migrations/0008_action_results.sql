-- UP

-- Every attempt of every delivery. A row commits as `started` before anything is sent; what it becomes
-- is written once.
CREATE TABLE triggers.action_results (
    id TEXT PRIMARY KEY DEFAULT gen_random_uuid()::TEXT,
    job_id TEXT NOT NULL,
    trigger_id TEXT,
    event_id TEXT,
    action_type TEXT NOT NULL CHECK (action_type IN ('telegram', 'rest', 'mcp')),
    status TEXT NOT NULL CHECK (status IN ('started', 'success', 'failed', 'retrying')),
    executed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    duration_ms INTEGER,
    error_message TEXT,
    response_data JSONB,
    retry_count INTEGER NOT NULL DEFAULT 0,
    user_id TEXT NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT fk_trigger FOREIGN KEY (trigger_id) REFERENCES triggers.triggers (id) ON DELETE SET NULL,
    CONSTRAINT one_row_an_attempt UNIQUE (job_id, retry_count),
    CONSTRAINT finished_at_its_end CHECK ((status = 'started') = (finished_at IS NULL))
);
COMMENT ON COLUMN triggers.action_results.event_id IS
    'The event by value ({chain}-{block}-{log}), since events leave with their partition.';
COMMENT ON COLUMN triggers.action_results.retry_count IS '0 for the first attempt.';
COMMENT ON COLUMN triggers.action_results.user_id IS 'Whose trigger it was, also when that is gone.';

CREATE INDEX idx_action_results_trigger_id ON triggers.action_results (trigger_id);
CREATE INDEX idx_action_results_event_id ON triggers.action_results (event_id);
CREATE INDEX idx_action_results_status ON triggers.action_results (status);
CREATE INDEX idx_action_results_executed_at ON triggers.action_results (executed_at DESC);
CREATE INDEX idx_action_results_action_type ON triggers.action_results (action_type);
CREATE INDEX action_results_newest ON triggers.action_results (user_id, executed_at, id);

CREATE FUNCTION triggers.refuse_result_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The attempt % has ended as %; its row does not change.', OLD.id, OLD.status
        USING ERRCODE = 'restrict_violation';
END;
$$;
-- The one later change is the foreign key's own: a trigger that is deleted.
CREATE TRIGGER action_results_refuse_change
    BEFORE UPDATE ON triggers.action_results
    FOR EACH ROW
    WHEN (OLD.status <> 'started' AND (
        NEW.trigger_id IS NOT NULL AND NEW.trigger_id IS DISTINCT FROM OLD.trigger_id
        OR ROW (NEW.id, NEW.job_id, NEW.event_id, NEW.action_type, NEW.status, NEW.executed_at,
                NEW.duration_ms, NEW.error_message, NEW.response_data, NEW.retry_count, NEW.user_id,
                NEW.finished_at)
           IS DISTINCT FROM
           ROW (OLD.id, OLD.job_id, OLD.event_id, OLD.action_type, OLD.status, OLD.executed_at,
                OLD.duration_ms, OLD.error_message, OLD.response_data, OLD.retry_count, OLD.user_id,
                OLD.finished_at)))
    EXECUTE FUNCTION triggers.refuse_result_change();

-- DOWN

DROP TABLE triggers.action_results;
DROP FUNCTION triggers.refuse_result_change();
