-- name: table_sizes
-- About how many rows each table and materialized view has, a partitioned one with its partitions.
SELECT namespace.nspname || '.' || class.relname AS name,
       sum(CASE WHEN leaf.reltuples >= 0 THEN leaf.reltuples
                ELSE pg_relation_size(leaf.oid) / 100 END)::bigint AS rows
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
 CROSS JOIN LATERAL (
           SELECT relid FROM pg_catalog.pg_partition_tree(class.oid) WHERE isleaf
            UNION
           SELECT class.oid WHERE class.relkind <> 'p'
       ) AS tree (relid)
  JOIN pg_catalog.pg_class AS leaf ON leaf.oid = tree.relid
 WHERE class.relkind IN ('r', 'p', 'm')
   AND namespace.nspname <> 'information_schema' AND namespace.nspname !~ '^pg_'
 GROUP BY namespace.nspname, class.relname;
