-- name: child
-- The session of a migration that was killed, while the server has not noticed yet.
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = %(name)s
LIMIT 1;

-- name: next_transaction
-- The number that the next transaction that writes will get.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next;

-- name: committed_since
-- A transaction from a number on that wrote something and was committed.
SELECT number
FROM generate_series(%(next)s::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) AS number
WHERE pg_xact_status(number::text::xid8) = 'committed'
LIMIT 1;

-- name: end_lease
-- Lets the time pass after which a killed process's lease ends by itself.
UPDATE holdfast.migration_lock SET lease_until = clock_timestamp() - interval '1 second'
WHERE lease_until IS NOT NULL;
