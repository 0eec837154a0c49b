-- name: relations
-- What a migration could be in the way of: tables and views as they stand, without Holdfast's history.
SELECT class.oid::bigint AS oid, space.nspname AS schema, class.relname AS name, class.relkind::text AS kind,
       (SELECT attribute.attname FROM pg_catalog.pg_attribute AS attribute
        WHERE attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
          AND attribute.attgenerated = '' AND attribute.attidentity <> 'a'
        ORDER BY EXISTS (SELECT FROM pg_catalog.pg_index AS index
                         WHERE index.indrelid = class.oid AND attribute.attnum = ANY (index.indkey::smallint[])),
                 attribute.attnum
        LIMIT 1) AS column
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'v', 'm') AND class.relpersistence <> 't'
  AND space.nspname !~ '^pg_' AND space.nspname <> 'information_schema'
  AND NOT (space.nspname = 'holdfast' AND class.relname IN ('migrations', 'migration_steps', 'migration_lock'))
  AND class.relname !~ '^holdfast_seed_[0-9]+$';

-- name: locks_of
-- The locks on relations that a server process holds in this database.
SELECT lock.relation::bigint AS oid, lock.mode
FROM pg_catalog.pg_locks AS lock
JOIN pg_catalog.pg_database AS database ON database.oid = lock.database
WHERE lock.pid = %(pid)s AND lock.locktype = 'relation' AND lock.granted
  AND database.datname = current_database() AND lock.relation >= 16384;

-- name: without_triggers
-- Lets this session write without triggers.
SELECT set_config('session_replication_role', 'replica', false);
