-- UP

-- Tells a channel which rows a statement added: one notification a statement, with the range of ids,
-- never one a row. The trigger that calls it names the channel and calls its transition table "added".
CREATE FUNCTION holdfast.notify_added() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
DECLARE
    range text;
BEGIN
    SELECT json_build_object('first', min(id), 'last', max(id), 'count', count(*))::text
      INTO range
      FROM added
    HAVING count(*) > 0;
    IF range IS NULL THEN
        RETURN NULL;
    END IF;
    -- a payload of 8000 bytes fails the statement; ids that long say less than waking at all
    IF octet_length(range) >= 8000 THEN
        range := '{}';
    END IF;
    PERFORM pg_notify(TG_ARGV[0], range);
    RETURN NULL;
END
$$;

-- Refuses what the trigger's own condition has found to be no step from the old status to the new one.
CREATE FUNCTION holdfast.refuse_status() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION '%.% begins as queued, not as %', TG_TABLE_SCHEMA, TG_TABLE_NAME, NEW.status
            USING ERRCODE = 'check_violation';
    END IF;
    RAISE EXCEPTION '%.% % cannot go from % to %',
        TG_TABLE_SCHEMA, TG_TABLE_NAME, OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation';
END
$$;

CREATE TABLE holdfast.jobs (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind <> ''),
    payload      JSONB NOT NULL DEFAULT '{}',
    status       TEXT NOT NULL DEFAULT 'queued'
                 CHECK (status IN ('queued', 'running', 'retrying', 'succeeded', 'dead', 'cancelled')),
    priority     INTEGER NOT NULL DEFAULT 100,
    due_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts INTEGER NOT NULL DEFAULT 8 CHECK (max_attempts >= 1),
    leased_by    TEXT,
    leased_until TIMESTAMPTZ,
    last_error   TEXT,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at  TIMESTAMPTZ,
    CONSTRAINT jobs_leased_while_running CHECK (
        (status = 'running') = (leased_by IS NOT NULL) AND (leased_by IS NULL) = (leased_until IS NULL)
    ),
    CONSTRAINT jobs_finished_at_its_end CHECK (
        (status IN ('succeeded', 'dead', 'cancelled')) = (finished_at IS NOT NULL)
    ),
    CONSTRAINT jobs_dead_with_a_reason CHECK (status <> 'dead' OR coalesce(last_error, '') <> '')
);

COMMENT ON TABLE holdfast.jobs IS
    'Background work: claimed by lease, tried again with growing pauses, dead with its reason.';
COMMENT ON COLUMN holdfast.jobs.priority IS 'Lower is claimed first.';
COMMENT ON COLUMN holdfast.jobs.attempts IS 'How often it was claimed.';

-- The order of claims, and the next time at which anything is due.
CREATE INDEX jobs_claim ON holdfast.jobs (priority, due_at, id) WHERE status IN ('queued', 'retrying');
CREATE INDEX jobs_due ON holdfast.jobs (due_at) WHERE status IN ('queued', 'retrying');
-- Leases that ran out.
CREATE INDEX jobs_leased ON holdfast.jobs (leased_until) WHERE status = 'running';

-- A queue's rows die young: vacuum by number of dead rows, not by share of a table that only grows.
ALTER TABLE holdfast.jobs SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000
);

-- The conditions run without a call of the function, so that a right step costs next to nothing.
CREATE TRIGGER jobs_begin BEFORE INSERT ON holdfast.jobs
    FOR EACH ROW WHEN (NEW.status <> 'queued')
    EXECUTE FUNCTION holdfast.refuse_status();
CREATE TRIGGER jobs_step BEFORE UPDATE ON holdfast.jobs
    FOR EACH ROW WHEN (
        NOT ((OLD.status = NEW.status AND OLD.leased_by IS NOT DISTINCT FROM NEW.leased_by)
          OR (OLD.status IN ('queued', 'retrying') AND NEW.status IN ('running', 'cancelled'))
          OR (OLD.status = 'running' AND NEW.status IN ('retrying', 'succeeded', 'dead', 'cancelled'))
          OR (OLD.status = 'dead' AND NEW.status = 'queued'))
    )
    EXECUTE FUNCTION holdfast.refuse_status();
CREATE TRIGGER jobs_notify AFTER INSERT ON holdfast.jobs
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION holdfast.notify_added('holdfast_jobs');

-- DOWN

DROP TABLE holdfast.jobs;
DROP FUNCTION holdfast.refuse_status();
DROP FUNCTION holdfast.notify_added();
