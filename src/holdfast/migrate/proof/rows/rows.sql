-- name: seedable_tables
-- The tables that rows are made in: ordinary and partitioned ones that no extension owns, without the history.
SELECT class.oid::bigint AS oid, space.nspname AS schema, class.relname AS name, class.relkind::text AS kind,
       array(SELECT key.attnum::integer FROM pg_catalog.pg_index AS index
             CROSS JOIN LATERAL unnest(index.indkey::smallint[]) AS key (attnum)
             WHERE index.indrelid = class.oid AND index.indisprimary) AS key,
       EXISTS (SELECT FROM pg_catalog.pg_trigger AS trigger
               WHERE trigger.tgrelid = class.oid AND NOT trigger.tgisinternal
                 AND trigger.tgtype & 16 <> 0 AND trigger.tgtype & 2 <> 0) AS changes_itself
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p') AND class.relpersistence <> 't' AND NOT class.relispartition
  AND space.nspname !~ '^pg_' AND space.nspname <> 'information_schema'
  AND NOT (space.nspname = 'holdfast' AND class.relname IN ('migrations', 'migration_steps', 'migration_lock'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS owned
                  WHERE owned.classid = 'pg_catalog.pg_class'::regclass AND owned.objid = class.oid
                    AND owned.deptype = 'e')
ORDER BY class.oid;

-- name: written
-- The tables that this transaction may have written to, by its locks; partitions by the root of their tree.
SELECT DISTINCT coalesce(pg_partition_root(relation)::oid, relation)::bigint AS oid
FROM pg_catalog.pg_locks
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'RowShareLock');

-- name: columns
-- The columns of tables, with their types and defaults.
SELECT attribute.attrelid::bigint AS table, attribute.attnum::integer AS number, attribute.attname AS name,
       attribute.atttypid::bigint AS type, attribute.atttypmod AS modifier,
       format_type(attribute.atttypid, attribute.atttypmod) AS written,
       attribute.attnotnull AS required, attribute.attidentity <> '' AS identity,
       attribute.attgenerated <> '' AS generated, attribute.attgenerated = 'v' AS virtual,
       CASE WHEN attribute.attgenerated = '' THEN pg_get_expr(value.adbin, value.adrelid) END AS default
FROM pg_catalog.pg_attribute AS attribute
LEFT JOIN pg_catalog.pg_attrdef AS value
    ON value.adrelid = attribute.attrelid AND value.adnum = attribute.attnum
WHERE attribute.attrelid = ANY (%(tables)s::oid[]) AND attribute.attnum > 0 AND NOT attribute.attisdropped
ORDER BY attribute.attrelid, attribute.attnum;

-- name: constraints
-- The checks, foreign keys and exclusions of tables; the columns that each is about.
SELECT con.conrelid::bigint AS table, con.contype::text AS kind,
       con.conkey::integer[] AS columns, con.confrelid::bigint AS target, con.confkey::integer[] AS target_columns,
       CASE WHEN con.contype = 'c' THEN pg_get_expr(con.conbin, con.conrelid) END AS expression,
       con.condeferrable AS deferrable
FROM pg_catalog.pg_constraint AS con
WHERE con.conrelid = ANY (%(tables)s::oid[]) AND con.contype IN ('c', 'f', 'x', 'p', 'u')
ORDER BY con.conrelid, con.conname;

-- name: unique_indexes
-- The columns of each unique index of tables, those that its expressions and its condition read too.
SELECT index.indrelid::bigint AS table,
       array(SELECT DISTINCT key.attnum::integer FROM unnest(index.indkey::smallint[]) AS key (attnum)
             WHERE key.attnum > 0
             UNION
             SELECT dependency.refobjsubid FROM pg_catalog.pg_depend AS dependency
             WHERE dependency.classid = 'pg_catalog.pg_class'::regclass AND dependency.objid = index.indexrelid
               AND dependency.refclassid = 'pg_catalog.pg_class'::regclass
               AND dependency.refobjid = index.indrelid AND dependency.refobjsubid > 0
               AND index.indexprs IS NOT NULL) AS columns
FROM pg_catalog.pg_index AS index
WHERE index.indrelid = ANY (%(tables)s::oid[]) AND index.indisunique
ORDER BY index.indrelid, index.indexrelid;

-- name: types
-- The types that columns may have, but not those of tables' rows.
SELECT type.oid::bigint AS oid, type.typname AS name, space.nspname AS schema, type.typtype::text AS kind,
       type.typcategory::text AS category, format_type(type.oid, NULL) AS written,
       CASE WHEN type.typcategory = 'A' THEN type.typelem::bigint END AS element,
       type.typbasetype::bigint AS base, type.typtypmod AS modifier, type.typnotnull AS required,
       (SELECT range.rngsubtype::bigint FROM pg_catalog.pg_range AS range
        WHERE type.oid IN (range.rngtypid, range.rngmultitypid)) AS subtype,
       (SELECT format_type(range.rngtypid, NULL) FROM pg_catalog.pg_range AS range
        WHERE type.oid = range.rngmultitypid) AS range,
       CASE WHEN type.typtype = 'e' THEN array(
           SELECT label.enumlabel::text FROM pg_catalog.pg_enum AS label
           WHERE label.enumtypid = type.oid ORDER BY label.enumsortorder) END AS labels,
       CASE WHEN type.typtype = 'd' THEN array(
           SELECT pg_get_constraintdef(con.oid) FROM pg_catalog.pg_constraint AS con
           WHERE con.contypid = type.oid AND con.contype = 'c' ORDER BY con.conname) END AS checks,
       CASE WHEN type.typtype = 'c' THEN array(
           SELECT attribute.atttypid::bigint FROM pg_catalog.pg_attribute AS attribute
           WHERE attribute.attrelid = type.typrelid AND attribute.attnum > 0 AND NOT attribute.attisdropped
           ORDER BY attribute.attnum) END AS parts
FROM pg_catalog.pg_type AS type
JOIN pg_catalog.pg_namespace AS space ON space.oid = type.typnamespace
LEFT JOIN pg_catalog.pg_class AS class ON class.oid = type.typrelid
LEFT JOIN pg_catalog.pg_type AS element ON element.oid = type.typelem AND type.typcategory = 'A'
LEFT JOIN pg_catalog.pg_class AS below ON below.oid = element.typrelid
WHERE coalesce(class.relkind, 'c') = 'c' AND coalesce(below.relkind, 'c') = 'c' AND type.typtype <> 'p';

-- name: partitions
-- The trees below partitioned tables: what each part takes in, and by what it is partitioned itself.
WITH RECURSIVE tree AS (
    SELECT class.oid AS root, class.oid, NULL::oid AS parent
    FROM pg_catalog.pg_class AS class
    WHERE class.oid = ANY (%(tables)s::oid[]) AND class.relkind = 'p'
    UNION ALL
    SELECT tree.root, inherits.inhrelid, tree.oid
    FROM tree
    JOIN pg_catalog.pg_inherits AS inherits ON inherits.inhparent = tree.oid
)
SELECT tree.root::bigint AS root, tree.oid::bigint AS oid, tree.parent::bigint AS parent,
       space.nspname AS schema, class.relname AS name, class.relkind::text AS kind,
       pg_get_expr(class.relpartbound, class.oid) AS bound,
       pg_get_partition_constraintdef(tree.oid) AS takes,
       partitioned.partstrat::text AS strategy, partitioned.partattrs::integer[] AS columns
FROM tree
JOIN pg_catalog.pg_class AS class ON class.oid = tree.oid
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_partitioned_table AS partitioned ON partitioned.partrelid = tree.oid
ORDER BY tree.root, tree.oid;

-- name: insert_rows
-- Tries the statements of holdfast.seed, a list of attempts a table, until one has added a row; says what became of each.
-- cannot-prepare: a DO block
DO $$
DECLARE
    place record;
    attempt record;
    added bigint;
    message text;
    outcome jsonb := '{}';
BEGIN
    FOR place IN SELECT value ->> 'table' AS oid, value -> 'attempts' AS attempts
                 FROM jsonb_array_elements(current_setting('holdfast.seed')::jsonb) WITH ORDINALITY AS every (value, number)
                 ORDER BY number LOOP
        added := 0;
        message := NULL;
        FOR attempt IN SELECT value ->> 'role' AS role, value ->> 'statement' AS statement, number
                       FROM jsonb_array_elements(place.attempts) WITH ORDINALITY AS every (value, number)
                       ORDER BY number LOOP
            BEGIN
                PERFORM set_config('session_replication_role', attempt.role, true);
                EXECUTE attempt.statement;
                GET DIAGNOSTICS added = ROW_COUNT;
                -- what is deferred must be told here, not at the commit
                SET CONSTRAINTS ALL IMMEDIATE;
                SET CONSTRAINTS ALL DEFERRED;
            EXCEPTION WHEN OTHERS THEN
                added := 0;
                message := coalesce(message, SQLERRM);
            END;
            IF added > 0 THEN
                outcome := outcome || jsonb_build_object(
                    place.oid, jsonb_build_object('added', added, 'role', attempt.role, 'message', message));
                EXIT;
            END IF;
        END LOOP;
        IF added = 0 THEN
            outcome := outcome || jsonb_build_object(place.oid, jsonb_build_object('added', 0, 'message', message));
        END IF;
    END LOOP;
    PERFORM set_config('session_replication_role', 'origin', true);
    PERFORM set_config('holdfast.seeded', outcome::text, true);
END
$$;

-- name: shapes
-- Tables as they are now (NULL: all), partitions too, with their columns; generated ones are left out.
SELECT class.oid::bigint AS oid, space.nspname AS schema, class.relname AS name, class.relkind::text AS kind,
       class.relispartition AS partition, attribute.attnum::integer AS number, attribute.attname AS column,
       attribute.atttypid::bigint AS type, format_type(attribute.atttypid, attribute.atttypmod) AS written
FROM pg_catalog.pg_class AS class
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS attribute
    ON attribute.attrelid = class.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
    AND attribute.attgenerated = ''
WHERE class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
  AND (%(tables)s::oid[] IS NULL OR class.oid = ANY (%(tables)s::oid[]))
  AND space.nspname !~ '^pg_' AND space.nspname <> 'information_schema'
ORDER BY class.oid, attribute.attnum;

-- name: hand_over
-- Hands the statements of a seeding over to insert_rows, for this transaction.
SELECT set_config('holdfast.seed', %(jobs)s, true);

-- name: outcome
-- What insert_rows has told.
SELECT current_setting('holdfast.seeded') AS outcome;

-- name: time
-- The time of this transaction in UTC.
SELECT (now() AT TIME ZONE 'UTC')::text AS at;

-- name: search_path
-- The search_path as it is.
SELECT current_setting('search_path') AS path;

-- name: set_search_path
-- Sets the search_path for this transaction.
SELECT set_config('search_path', %(path)s, true);

-- name: set_forms
-- Lets values be written in a form that no setting changes, for this transaction, and all rows be read.
SELECT set_config('datestyle', 'ISO, YMD', true), set_config('timezone', 'UTC', true),
       set_config('intervalstyle', 'postgres', true), set_config('extra_float_digits', '1', true),
       set_config('bytea_output', 'hex', true), set_config('row_security', 'off', true);
