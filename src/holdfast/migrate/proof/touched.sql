-- name: touched
-- The tables on which a session holds a lock that lets it write; partitions by the root of their tree.
SELECT DISTINCT coalesce(pg_partition_root(relation)::oid, relation)::bigint AS oid
FROM pg_locks
WHERE pid = %(pid)s AND locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock')
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- name: deferred
-- Whether there is a trigger that may run only at the commit, and write to tables that no lock tells of yet.
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgdeferrable AND NOT tgisinternal) AS deferred;
