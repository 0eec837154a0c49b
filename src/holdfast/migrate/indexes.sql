-- name: find_index
-- The index of a given name on a given table, whether it is whole, and what it is on, without any names.
SELECT space.nspname AS schema, class.relname AS name, index.indisvalid AS valid,
       (SELECT relname FROM pg_catalog.pg_class WHERE oid = index.indrelid) AS table,
       index.indisunique || substring(pg_get_indexdef(index.indexrelid) FROM ' USING .*$') AS definition
FROM pg_catalog.pg_index AS index
JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid AND class.relkind = 'i'
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE index.indrelid = to_regclass(%(table)s) AND class.relname = (parse_ident(%(name)s))[1];

-- name: definition
-- What the index of a given name on a temporary table is on, without any names, as find_index has it.
SELECT index.indisunique || substring(pg_get_indexdef(index.indexrelid) FROM ' USING .*$') AS definition
FROM pg_catalog.pg_index AS index
JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid
JOIN pg_catalog.pg_class AS owner ON owner.oid = index.indrelid
WHERE class.relnamespace = pg_my_temp_schema() AND class.relname = %(name)s AND owner.relname = %(table)s;

-- name: leftovers
-- INVALID indexes that a REINDEX CONCURRENTLY left on what it was told to build again, and nobody builds now.
SELECT space.nspname AS schema, class.relname AS name
FROM pg_catalog.pg_index AS index
JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid AND class.relkind = 'i'
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
JOIN pg_catalog.pg_class AS parent ON parent.oid = index.indrelid
WHERE NOT index.indisvalid
  AND class.relname ~ '_cc(new|old)[0-9]*$'
  AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_stat_progress_create_index AS building
      WHERE building.datname = current_database() AND building.index_relid = index.indexrelid
  )
  AND CASE %(kind)s::text
      WHEN 'INDEX' THEN index.indrelid IN (
          SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(%(name)s::text)
          UNION ALL
          SELECT leaf.indrelid FROM pg_partition_tree(to_regclass(%(name)s::text)) AS part
          JOIN pg_catalog.pg_index AS leaf ON leaf.indexrelid = part.relid
      )
      WHEN 'TABLE' THEN index.indrelid IN (
          SELECT unnest(ARRAY[owner.oid, owner.reltoastrelid]) FROM pg_catalog.pg_class AS owner
          WHERE owner.oid = to_regclass(%(name)s::text)
             OR owner.oid IN (SELECT relid FROM pg_partition_tree(to_regclass(%(name)s::text)))
      )
      WHEN 'SCHEMA' THEN parent.relnamespace = to_regnamespace(%(name)s::text)
          OR EXISTS (
              SELECT FROM pg_catalog.pg_class AS owner
              WHERE owner.reltoastrelid = parent.oid AND owner.relnamespace = to_regnamespace(%(name)s::text)
          )
      ELSE true
  END;

-- name: relation_exists
-- Tells whether a name, as written in SQL, is a relation.
SELECT to_regclass(%(name)s) IS NOT NULL AS exists;
