-- name: find_index
-- The index of a given name on a given table, and whether it is whole.
SELECT space.nspname AS schema, class.relname AS name, index.indisvalid AS valid
FROM pg_catalog.pg_index AS index
JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid AND class.relkind = 'i'
JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE index.indrelid = to_regclass(%(table)s) AND class.relname = (parse_ident(%(name)s))[1];

-- name: relation_exists
-- Tells whether a name, as written in SQL, is a relation.
SELECT to_regclass(%(name)s) IS NOT NULL AS exists;
