-- name: start
-- purpose: Write that an attempt of each delivery is about to be sent.
INSERT INTO triggers.action_results (job_id, trigger_id, event_id, action_type, status, retry_count, user_id)
    SELECT jobs.id, owned.id, concat_ws('-', jobs.chain_id, jobs.block_number, jobs.log_index),
           jobs.action_type, 'started', jobs.attempts - 1, jobs.user_id
        FROM triggers.action_jobs AS jobs
        LEFT JOIN triggers.triggers AS owned ON owned.id = jobs.trigger_id
        WHERE jobs.id = ANY (%(ids)s)
    RETURNING id, job_id

-- name: set_attempts
-- purpose: Give deliveries as many attempts as the schedule of retries has.
UPDATE triggers.action_jobs SET max_attempts = %(max_attempts)s WHERE id = ANY (%(ids)s)

-- name: load
-- purpose: Read what a delivery tells and where it goes: the action, the trigger and the event.
SELECT jobs.id AS job_id, jobs.kind AS job_kind, jobs.retracts AS job_retracts,
       jobs.created_at AS job_created_at, jobs.generation AS job_generation,
       owned.id AS trigger_id, owned.name AS trigger_name,
       actions.config AS action_config, actions.signing_secret AS action_secret, events.*
    FROM triggers.action_jobs AS jobs
    LEFT JOIN triggers.triggers AS owned ON owned.id = jobs.trigger_id
    LEFT JOIN triggers.trigger_actions AS actions ON actions.id = jobs.action_id
    LEFT JOIN triggers.events
      ON events.chain_id = jobs.chain_id AND events.block_hash = jobs.block_hash
     AND events.log_index = jobs.log_index AND events.block_time = jobs.block_time
    WHERE jobs.id = ANY (%(ids)s)

-- name: lock
-- purpose: Lock deliveries that are about to end, and say which were overtaken by a retraction.
SELECT id, retracted_at IS NOT NULL AS retracted
    FROM triggers.action_jobs
    WHERE id = ANY (%(ids)s)
    ORDER BY id
    FOR UPDATE

-- name: cancel
-- purpose: End leased deliveries as cancelled, each with its reason.
UPDATE triggers.action_jobs AS job
    SET status = 'cancelled', leased_by = NULL, leased_until = NULL, last_error = lease.error,
        updated_at = statement_timestamp(), finished_at = statement_timestamp()
    FROM unnest(%(ids)s::TEXT[], %(workers)s::TEXT[], %(attempts)s::INTEGER[], %(errors)s::TEXT[])
        AS lease (id, worker, attempt, error)
    WHERE job.id = lease.id AND job.status = 'sending' AND job.leased_by = lease.worker
      AND job.attempts = lease.attempt
    RETURNING job.id

-- name: end
-- purpose: Write how attempts ended.
UPDATE triggers.action_results AS result
    SET status = ended.status, duration_ms = ended.duration_ms, error_message = ended.error_message,
        response_data = ended.response_data, finished_at = statement_timestamp()
    FROM unnest(%(ids)s::TEXT[], %(statuses)s::TEXT[], %(durations)s::INTEGER[], %(errors)s::TEXT[],
                %(responses)s::JSONB[])
        AS ended (id, status, duration_ms, error_message, response_data)
    WHERE result.id = ended.id AND result.status = 'started'

-- name: end_unknown
-- purpose: Write that nobody knows how attempts ended, because their worker is gone.
UPDATE triggers.action_results AS result
    SET status = 'failed', error_message = %(error)s, finished_at = statement_timestamp()
    FROM unnest(%(ids)s::TEXT[], %(attempts)s::INTEGER[]) AS lost (job_id, attempt)
    WHERE result.job_id = lost.job_id AND result.retry_count = lost.attempt - 1
      AND result.status = 'started'

-- name: cancel_overtaken
-- purpose: End deliveries that would be tried again though their event was retracted.
UPDATE triggers.action_jobs
    SET status = 'cancelled', finished_at = statement_timestamp(), updated_at = statement_timestamp()
    WHERE id = ANY (%(ids)s) AND status = 'retrying' AND retracted_at IS NOT NULL
