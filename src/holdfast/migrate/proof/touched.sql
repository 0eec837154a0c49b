-- name: touched
-- The tables on which a session holds a lock that lets it write; partitions by the root of their tree.
SELECT DISTINCT coalesce(pg_partition_root(relation)::oid, relation)::bigint AS oid
FROM pg_locks
WHERE pid = %(pid)s AND locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock')
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
