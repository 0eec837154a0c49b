-- name: claim
-- purpose: Lease the next due rows to a worker, passing over those that another one is taking.
-- cannot-prepare: the table is the caller's
WITH due AS MATERIALIZED (
    SELECT id
      FROM {table}
     WHERE status IN ('queued', 'retrying') AND due_at <= statement_timestamp() {only}
     ORDER BY priority, due_at, id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE {table} AS job
       SET status = {running},
           attempts = job.attempts + 1,
           leased_by = %(worker)s,
           leased_until = statement_timestamp() + make_interval(secs => %(lease_seconds)s),
           updated_at = statement_timestamp()
      FROM due
     WHERE job.id = due.id
    RETURNING job.*
)
SELECT * FROM claimed ORDER BY priority, due_at, id

-- name: extend
-- purpose: Hold leases longer and say which are still held; rows that are just being ended are left alone.
-- cannot-prepare: the table is the caller's
WITH held AS MATERIALIZED (
    SELECT job.id
      FROM {table} AS job
      JOIN unnest(%(ids)s::{id_type}[], %(workers)s::text[], %(attempts)s::integer[]) AS lease (id, worker, attempt)
        ON job.id = lease.id
     WHERE job.status = {running} AND job.leased_by = lease.worker AND job.attempts = lease.attempt
), free AS MATERIALIZED (
    -- waiting for a row's lock while holding another's could deadlock with the statement that ends both
    SELECT job.id
      FROM {table} AS job
     WHERE job.id IN (SELECT id FROM held)
       AND job.status = {running} AND job.leased_by = ANY (%(workers)s::text[])
       FOR UPDATE SKIP LOCKED
), extended AS (
    UPDATE {table} AS job
       SET leased_until = statement_timestamp() + make_interval(secs => %(lease_seconds)s)
      FROM free
     WHERE job.id = free.id
)
SELECT id FROM held

-- name: complete
-- purpose: End leased rows as done.
-- cannot-prepare: the table is the caller's
UPDATE {table} AS job
   SET status = 'succeeded', leased_by = NULL, leased_until = NULL,
       updated_at = statement_timestamp(), finished_at = statement_timestamp()
  FROM unnest(%(ids)s::{id_type}[], %(workers)s::text[], %(attempts)s::integer[]) AS lease (id, worker, attempt)
 WHERE job.id = lease.id
   AND job.status = {running} AND job.leased_by = lease.worker AND job.attempts = lease.attempt
RETURNING job.id

-- name: retry
-- purpose: Put leased rows back to be tried again later, or end those that have no try left as dead.
-- cannot-prepare: the table is the caller's
UPDATE {table} AS job
   SET status = CASE WHEN job.attempts < job.max_attempts THEN 'retrying' ELSE 'dead' END,
       due_at = CASE WHEN job.attempts < job.max_attempts
                     THEN statement_timestamp() + make_interval(secs => lease.delay_seconds)
                     ELSE job.due_at END,
       leased_by = NULL, leased_until = NULL,
       last_error = lease.error,
       updated_at = statement_timestamp(),
       finished_at = CASE WHEN job.attempts < job.max_attempts THEN NULL ELSE statement_timestamp() END
  FROM unnest(
           %(ids)s::{id_type}[], %(workers)s::text[], %(attempts)s::integer[],
           %(delays)s::double precision[], %(errors)s::text[]
       ) AS lease (id, worker, attempt, delay_seconds, error)
 WHERE job.id = lease.id
   AND job.status = {running} AND job.leased_by = lease.worker AND job.attempts = lease.attempt
RETURNING job.id, job.status

-- name: bury
-- purpose: End leased rows as dead, each with its reason.
-- cannot-prepare: the table is the caller's
UPDATE {table} AS job
   SET status = 'dead', leased_by = NULL, leased_until = NULL,
       last_error = lease.error,
       updated_at = statement_timestamp(), finished_at = statement_timestamp()
  FROM unnest(
           %(ids)s::{id_type}[], %(workers)s::text[], %(attempts)s::integer[], %(errors)s::text[]
       ) AS lease (id, worker, attempt, error)
 WHERE job.id = lease.id
   AND job.status = {running} AND job.leased_by = lease.worker AND job.attempts = lease.attempt
RETURNING job.id

-- name: release
-- purpose: Take rows back from workers whose lease ran out; what became of the attempt is unknown.
-- cannot-prepare: the table is the caller's
WITH lost AS MATERIALIZED (
    SELECT id, leased_by AS lost_by
      FROM {table}
     WHERE status = {running} AND (%(all_leases)s OR leased_until <= statement_timestamp())
     ORDER BY leased_until
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), released AS (
    UPDATE {table} AS job
       SET status = CASE WHEN %(bury_exhausted)s AND job.attempts >= job.max_attempts
                         THEN 'dead' ELSE 'retrying' END,
           due_at = statement_timestamp(),
           leased_by = NULL, leased_until = NULL,
           last_error = %(error)s,
           updated_at = statement_timestamp(),
           finished_at = CASE WHEN %(bury_exhausted)s AND job.attempts >= job.max_attempts
                              THEN statement_timestamp() END
      FROM lost
     WHERE job.id = lost.id
    RETURNING job.*, lost.lost_by
)
SELECT * FROM released ORDER BY id

-- name: next_due
-- purpose: Say in how many seconds the next waiting row is due; none where nothing waits.
-- cannot-prepare: the table is the caller's
SELECT extract(epoch FROM min(due_at) - statement_timestamp())::double precision AS seconds
  FROM {table}
 WHERE status IN ('queued', 'retrying') {only}

-- name: cancel
-- purpose: End rows that wait as cancelled; those that run or have ended are left as they are.
-- cannot-prepare: the table is the caller's
UPDATE {table} AS job
   SET status = 'cancelled', last_error = %(reason)s,
       updated_at = statement_timestamp(), finished_at = statement_timestamp()
 WHERE job.id = ANY (%(ids)s::{id_type}[]) AND job.status IN ('queued', 'retrying')
RETURNING job.id

-- name: revive
-- purpose: Queue dead rows again with further tries, and wake the workers.
-- cannot-prepare: the table is the caller's
WITH revived AS (
    UPDATE {table} AS job
       SET status = 'queued', max_attempts = job.attempts + %(more_attempts)s, due_at = statement_timestamp(),
           updated_at = statement_timestamp(), finished_at = NULL
     WHERE job.id = ANY (%(ids)s::{id_type}[]) AND job.status = 'dead'
    RETURNING job.id
), told AS (
    SELECT pg_notify(%(channel)s, json_build_object('count', count(*))::text)
      FROM revived
    HAVING count(*) > 0 AND %(channel)s <> ''
)
SELECT revived.id FROM revived LEFT JOIN told ON true
