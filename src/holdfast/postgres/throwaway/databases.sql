-- name: abandoned
-- Throwaway databases whose maker has no session on the server any more.
SELECT made.datname
FROM pg_database made
WHERE made.datname ~ '^holdfast_[a-z0-9_]+_[0-9]{10,}_[0-9a-f]{8}$'
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = made.datname)
ORDER BY made.datname;
