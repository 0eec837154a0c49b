-- name: list
-- purpose: Read a page of a user's attempts, the newest first.
SELECT results.id, results.job_id, jobs.kind, jobs.retracts, jobs.status AS job_status, results.trigger_id,
       results.event_id, results.action_type, results.status, results.executed_at, results.finished_at,
       results.duration_ms, results.error_message, results.response_data, results.retry_count
    FROM triggers.action_results AS results
    LEFT JOIN triggers.action_jobs AS jobs ON jobs.id = results.job_id
    WHERE results.user_id = %(user_id)s
      AND (%(job_id)s::TEXT IS NULL OR results.job_id = %(job_id)s)
      AND (%(trigger_id)s::TEXT IS NULL OR results.trigger_id = %(trigger_id)s)
      AND (%(event_id)s::TEXT IS NULL OR results.event_id = %(event_id)s)
      AND (%(action_type)s::TEXT IS NULL OR results.action_type = %(action_type)s)
      AND (%(status)s::TEXT IS NULL OR results.status = %(status)s)
      AND (%(since)s::TIMESTAMPTZ IS NULL OR results.executed_at >= %(since)s)
      AND (%(until)s::TIMESTAMPTZ IS NULL OR results.executed_at < %(until)s)
      AND (%(after_time)s::TIMESTAMPTZ IS NULL
           OR (results.executed_at, results.id) < (%(after_time)s, %(after_id)s::TEXT))
    ORDER BY results.executed_at DESC, results.id DESC
    LIMIT %(limit)s
