-- name: dropped_by_reset
-- What a reset drops, but for what goes with it; what belongs to an extension stays.
SELECT CASE class.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                          WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
       format('%%I.%%I', space.nspname, class.relname) AS name
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  AND space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype IN ('e', 'a', 'i')
        AND (deptype = 'e' OR class.relkind = 'S')
  )
UNION ALL
SELECT 'routine', routine.oid::regprocedure::text
FROM pg_catalog.pg_proc AS routine
JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
WHERE space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_proc'::regclass AND objid = routine.oid AND deptype IN ('e', 'i')
  )
UNION ALL
SELECT 'type', format('%%I.%%I', space.nspname, type.typname)
FROM pg_catalog.pg_type AS type
JOIN pg_catalog.pg_namespace AS space ON space.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_class AS class ON class.oid = type.typrelid
WHERE (type.typtype IN ('e', 'd', 'r') OR class.relkind = 'c')
  AND space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_type'::regclass AND objid = type.oid AND deptype = 'e'
  )
UNION ALL
SELECT 'schema', format('%%I', space.nspname)
FROM pg_catalog.pg_namespace AS space
WHERE space.nspname NOT LIKE 'pg\_%%' AND space.nspname NOT IN ('information_schema', 'public')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_namespace'::regclass AND objid = space.oid AND deptype = 'e'
  )
ORDER BY 1, 2;

-- name: drop_history
-- The command that drops the history.
SELECT 'DROP TABLE IF EXISTS holdfast.migration_steps, holdfast.migrations CASCADE' AS command
FROM pg_catalog.pg_class
WHERE oid = to_regclass('holdfast.migrations') AND %(batch)s::integer > 0;

-- name: drop_relations
-- Commands that drop some relations, partitions before what they are part of.
SELECT format(
           'DROP %%s IF EXISTS %%I.%%I CASCADE',
           CASE class.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                              WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
           space.nspname, class.relname
       ) AS command
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
  AND space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND (space.nspname, class.relname) <> ('holdfast', 'migration_lock')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_class'::regclass AND objid = class.oid AND deptype IN ('e', 'a', 'i')
        AND (deptype = 'e' OR class.relkind = 'S')
  )
ORDER BY class.relkind = 'S', class.relkind = 'p', class.oid DESC
LIMIT %(batch)s::integer;

-- name: drop_routines
-- Commands that drop some functions, procedures and aggregates.
SELECT format('DROP ROUTINE IF EXISTS %%s CASCADE', routine.oid::regprocedure) AS command
FROM pg_catalog.pg_proc AS routine
JOIN pg_catalog.pg_namespace AS space ON space.oid = routine.pronamespace
WHERE space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_proc'::regclass AND objid = routine.oid AND deptype IN ('e', 'i')
  )
ORDER BY routine.oid
LIMIT %(batch)s::integer;

-- name: drop_types
-- Commands that drop some types that stand for themselves.
SELECT format('DROP TYPE IF EXISTS %%I.%%I CASCADE', space.nspname, type.typname) AS command
FROM pg_catalog.pg_type AS type
JOIN pg_catalog.pg_namespace AS space ON space.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_class AS class ON class.oid = type.typrelid
WHERE (type.typtype IN ('e', 'd', 'r') OR class.relkind = 'c')
  AND space.nspname NOT LIKE 'pg\_%%' AND space.nspname <> 'information_schema'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_type'::regclass AND objid = type.oid AND deptype = 'e'
  )
ORDER BY type.oid
LIMIT %(batch)s::integer;

-- name: drop_schemas
-- Commands that drop some schemas, with what little is left in them.
SELECT format('DROP SCHEMA IF EXISTS %%I CASCADE', space.nspname) AS command
FROM pg_catalog.pg_namespace AS space
WHERE space.nspname NOT LIKE 'pg\_%%' AND space.nspname NOT IN ('information_schema', 'public', 'holdfast')
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      WHERE classid = 'pg_namespace'::regclass AND objid = space.oid AND deptype = 'e'
  )
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend
      JOIN pg_catalog.pg_extension AS extension ON extension.oid = objid
      WHERE classid = 'pg_extension'::regclass AND refclassid = 'pg_namespace'::regclass
        AND refobjid = space.oid
  )
ORDER BY space.oid
LIMIT %(batch)s::integer;

-- name: drop_own_schema
-- Drops the platform's schema, unless somebody has begun a history again.
-- cannot-prepare: a DO block
DO $$
BEGIN
    IF to_regclass('holdfast.migrations') IS NULL THEN
        DROP SCHEMA IF EXISTS holdfast CASCADE;
    END IF;
END
$$;

-- name: limit
-- Lets a transaction wait for a lock only briefly, and others behind it; names stay as they were listed.
SELECT set_config('lock_timeout', %(milliseconds)s, true), set_config('statement_timeout', '0', true);
