-- name: parent
-- A partitioned table: its column, who owns it, and whether that is us.
SELECT class.oid::bigint AS oid, space.nspname AS schema, class.relname AS name,
       attribute.attname AS column, format_type(attribute.atttypid, NULL) AS type,
       owner.rolname AS owner, owner.rolname = current_user AS owned
FROM pg_catalog.pg_partitioned_table AS partitioned
JOIN pg_catalog.pg_class AS class ON class.oid = partitioned.partrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
JOIN pg_catalog.pg_roles AS owner ON owner.oid = class.relowner
JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = class.oid AND attribute.attnum = partitioned.partattrs[0]
WHERE class.oid = to_regclass(%(table)s) AND partitioned.partstrat = 'r' AND partitioned.partnatts = 1;

-- name: existing
-- The partitions of a table that hold any time between two, with their bounds, by time.
SELECT name, lower, upper, pending
FROM (
    SELECT class.relname AS name, inherits.inhdetachpending AS pending,
           coalesce((regexp_match(bound.text, 'FROM \(''([^'']+)''\)'))[1]::timestamptz, timestamptz '0002-01-01 00:00+00') AS lower,
           coalesce((regexp_match(bound.text, 'TO \(''([^'']+)''\)'))[1]::timestamptz, timestamptz '9998-01-01 00:00+00') AS upper
    FROM pg_catalog.pg_inherits AS inherits
    JOIN pg_catalog.pg_class AS class ON class.oid = inherits.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(class.relpartbound, class.oid) AS text) AS bound
    WHERE inherits.inhparent = to_regclass(%(table)s) AND bound.text <> 'DEFAULT'
) AS partition
WHERE lower <= %(last)s AND upper > %(first)s
ORDER BY lower;

-- name: truncate_triggers
-- The statements that give a partition the TRUNCATE triggers of its parent, which it does not inherit.
SELECT format('CREATE TRIGGER %%I %%s TRUNCATE ON %%I.%%I %%s', trigger.tgname,
              CASE WHEN trigger.tgtype & 2 <> 0 THEN 'BEFORE' ELSE 'AFTER' END,
              %(schema)s::text, %(partition)s::text,
              substring(pg_get_triggerdef(trigger.oid) FROM 'FOR EACH STATEMENT.*$')) AS statement,
       trigger.tgname AS name, trigger.tgenabled AS enabled
FROM pg_catalog.pg_trigger AS trigger
WHERE trigger.tgrelid = to_regclass(%(table)s) AND NOT trigger.tgisinternal AND trigger.tgtype & 32 <> 0
ORDER BY trigger.tgname;

-- name: stale_truncate_triggers
-- The TRUNCATE triggers by which partitions differ from their parent: `gone` from it, or not as it has them.
WITH parents AS (
    SELECT trigger.tgname, trigger.tgenabled,
           regexp_replace(pg_get_triggerdef(trigger.oid), ' ON .* FOR EACH STATEMENT', '') AS says
    FROM pg_catalog.pg_trigger AS trigger
    WHERE trigger.tgrelid = to_regclass(%(table)s) AND NOT trigger.tgisinternal AND trigger.tgtype & 32 <> 0
), partitions AS (
    SELECT class.oid, class.relname
    FROM pg_catalog.pg_inherits AS inherits
    JOIN pg_catalog.pg_class AS class ON class.oid = inherits.inhrelid
    WHERE inherits.inhparent = to_regclass(%(table)s) AND class.relkind = 'r'
), theirs AS (
    SELECT partitions.relname, trigger.tgname, trigger.tgenabled,
           regexp_replace(pg_get_triggerdef(trigger.oid), ' ON .* FOR EACH STATEMENT', '') AS says
    FROM partitions
    JOIN pg_catalog.pg_trigger AS trigger
        ON trigger.tgrelid = partitions.oid AND NOT trigger.tgisinternal AND trigger.tgtype & 32 <> 0
)
SELECT relname AS partition, theirs.tgname AS trigger, true AS stands
FROM theirs
LEFT JOIN parents USING (tgname)
WHERE (theirs.says, theirs.tgenabled) IS DISTINCT FROM (parents.says, parents.tgenabled)
UNION ALL
SELECT partitions.relname, parents.tgname, false
FROM partitions
CROSS JOIN parents
WHERE NOT EXISTS (
    SELECT FROM theirs WHERE theirs.relname = partitions.relname AND theirs.tgname = parents.tgname
)
ORDER BY 1, 2;

-- name: abandoned
-- Tables that were taken off a partitioned table to be dropped, and then were not.
SELECT class.relname AS name
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE space.nspname = %(schema)s AND class.relkind = 'r' AND NOT class.relispartition
  AND obj_description(class.oid, 'pg_class') = %(comment)s;
