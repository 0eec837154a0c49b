-- name: backend_pid
-- Says which server process runs the session's statements.
SELECT pg_backend_pid() AS pid

-- name: prepared_names
-- Lists the prepared statements of the server process, this one among them where it is prepared.
SELECT name, statement FROM pg_prepared_statements WHERE NOT from_sql

-- name: set_time_zone
-- Gives and takes times in UTC; PgBouncer carries this setting from one server process to the next.
-- cannot-prepare: SET
SET TimeZone TO 'UTC'

-- name: set_statement_timeout
-- Limits the statements of the transaction, and of no other client's behind a pooler.
SELECT set_config('statement_timeout', %(milliseconds)s, true)
