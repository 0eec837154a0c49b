-- name: lock_deliveries
-- purpose: Lock the deliveries of blocks' events in the order in which everybody locks several.
SELECT id FROM triggers.action_jobs
    WHERE chain_id = %(chain_id)s AND block_hash = ANY (%(hashes)s) AND kind = 'match'
      AND retracted_at IS NULL
    ORDER BY id
    FOR UPDATE

-- name: cancel_unsent
-- purpose: Cancel deliveries of which no attempt was started.
UPDATE triggers.action_jobs
    SET status = 'cancelled', retracted_at = now(), last_error = 'The event is no longer canonical.',
        updated_at = now(), finished_at = now()
    WHERE chain_id = %(chain_id)s AND block_hash = ANY (%(hashes)s) AND kind = 'match'
      AND retracted_at IS NULL AND attempts = 0 AND status = 'queued'

-- name: retract_sent
-- purpose: Stop deliveries of which an attempt was started, and queue what takes each of them back.
-- One that is being sent ends by itself; its retraction waits for that (or for its lease).
WITH overtaken AS (
    UPDATE triggers.action_jobs
        SET retracted_at = now(),
            status = CASE WHEN status IN ('queued', 'retrying') THEN 'cancelled' ELSE status END,
            finished_at = CASE WHEN status IN ('queued', 'retrying') THEN now() ELSE finished_at END,
            last_error = CASE WHEN status IN ('queued', 'retrying')
                              THEN 'The event is no longer canonical.' ELSE last_error END,
            updated_at = now()
        WHERE chain_id = %(chain_id)s AND block_hash = ANY (%(hashes)s) AND kind = 'match'
          AND retracted_at IS NULL AND attempts > 0
        RETURNING *
)
INSERT INTO triggers.action_jobs
    (id, kind, retracts, trigger_id, action_id, action_type, user_id, chain_id, block_number, block_hash,
     block_time, log_index, generation, priority, due_at)
    SELECT 'msg_' || left(encode(sha256(convert_to('retraction/' || overtaken.id, 'UTF8')), 'hex'), 32),
           'retraction', overtaken.id, overtaken.trigger_id, overtaken.action_id, overtaken.action_type,
           overtaken.user_id, overtaken.chain_id, overtaken.block_number, overtaken.block_hash,
           overtaken.block_time, overtaken.log_index, overtaken.generation, overtaken.priority,
           CASE WHEN overtaken.status = 'sending'
                THEN overtaken.leased_until + INTERVAL '60 seconds' ELSE now() END
        FROM overtaken
        JOIN triggers.trigger_actions AS actions ON actions.id = overtaken.action_id

-- name: wake
-- purpose: Let retractions go that waited for these deliveries to end.
WITH woken AS (
    UPDATE triggers.action_jobs
        SET due_at = statement_timestamp(), updated_at = statement_timestamp()
        WHERE retracts = ANY (%(ids)s) AND status = 'queued' AND due_at > statement_timestamp()
        RETURNING id
)
SELECT pg_notify('triggers_action_jobs', json_build_object('count', count(*))::TEXT)
    FROM woken
    HAVING count(*) > 0
