-- name: abandoned
-- Throwaway databases whose maker has no session on the server any more.
SELECT made.datname
FROM pg_database made
WHERE made.datname ~ '^holdfast_[a-z0-9_]+_[0-9]{10,}_[0-9a-f]{8}$'
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = made.datname)
ORDER BY made.datname;

-- name: keep
-- Lets the maker's session idle for as long as its database is used, whatever the server or the role says.
SELECT set_config('idle_session_timeout', '0', false);
