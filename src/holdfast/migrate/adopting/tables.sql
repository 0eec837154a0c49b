-- name: tables_of_tools
-- Tables with a name that a tool gives its history, with their columns in order.
SELECT namespace.nspname AS schema, class.relname AS name,
       format('%%I.%%I', namespace.nspname, class.relname) AS full_name,
       array_agg(attribute.attname::text ORDER BY attribute.attnum) AS columns
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
WHERE class.relkind IN ('r', 'p')
  AND CASE WHEN %(name)s::text IS NULL THEN class.relname = ANY (%(names)s::text[])
           ELSE class.oid = to_regclass(%(name)s::text) END
GROUP BY namespace.nspname, class.relname
ORDER BY namespace.nspname, class.relname;

-- name: adopt
-- Writes the row of a migration that another tool applied.
INSERT INTO holdfast.migrations
    (system, number, name, checksum, applied_at, duration_ms, outcome, version, actor, depends)
VALUES (%(system)s, %(number)s, %(name)s, %(checksum)s, coalesce(%(applied_at)s::timestamptz, clock_timestamp()),
        %(duration_ms)s, 'adopted', %(version)s, current_user || ' ' || %(actor)s,
        string_to_array(%(depends)s, ' '));
