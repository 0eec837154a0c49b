-- name: hash_of_relations
-- The number that the next writing transaction gets, and a hash of what pg_class says but for its hints.
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next,
       (SELECT sum(hashtextextended(
           ROW(oid, relname, relnamespace, reltype, reloftype, relowner, relam, relfilenode, reltablespace,
               reltoastrelid, relisshared, relpersistence, relkind, relnatts, relchecks, relrowsecurity,
               relforcerowsecurity, relispopulated, relreplident, relispartition, relacl, reloptions,
               relpartbound)::text, 0)::numeric)::text
        FROM pg_catalog.pg_class) AS relations;

-- name: catalogue_tables
-- The tables of the catalogue whose rows are compared by their age; statistics come and go by themselves.
SELECT relname::text AS name
FROM pg_catalog.pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'
  AND relname NOT IN ('pg_class', 'pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject')
ORDER BY relname;
