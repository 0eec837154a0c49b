-- name: enqueue
-- purpose: Queue jobs of one kind, in the order of their payloads.
INSERT INTO holdfast.jobs (kind, payload, priority, due_at, max_attempts)
SELECT %(kind)s::text, payload, %(priority)s::integer,
       statement_timestamp() + make_interval(secs => %(delay_seconds)s::double precision),
       %(max_attempts)s::integer
  FROM unnest(%(payloads)s::jsonb[]) WITH ORDINALITY AS given (payload, position)
 ORDER BY position
RETURNING id

-- name: counts
-- purpose: Count jobs by status and kind, without those that ended well.
SELECT status, kind, count(*) AS jobs, min(due_at) AS oldest_due
  FROM holdfast.jobs
 WHERE status IN ('queued', 'retrying', 'running', 'dead')
 GROUP BY status, kind
 ORDER BY status, kind
