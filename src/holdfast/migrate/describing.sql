-- name: read_plainly
-- Has names and expressions written in full, whatever the role's search_path is.
SELECT set_config('search_path', '', true);

-- name: relations
-- Tables and views that are nobody's partition and no extension's, with what is estimated of their rows.
SELECT class.oid::bigint AS id, namespace.nspname AS schema, class.relname AS name,
       CASE class.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
            WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS kind,
       obj_description(class.oid, 'pg_class') AS comment,
       pg_get_partkeydef(class.oid) AS partitioned_by,
       CASE WHEN class.relkind = 'p' THEN (
                SELECT CASE WHEN bool_or(leaf.reltuples < 0) THEN NULL ELSE coalesce(sum(leaf.reltuples), 0) END
                FROM pg_partition_tree(class.oid) AS tree
                JOIN pg_class AS leaf ON leaf.oid = tree.relid
                WHERE tree.isleaf AND leaf.oid <> class.oid)
            WHEN class.relkind = 'v' OR class.reltuples < 0 THEN NULL
            ELSE class.reltuples END::bigint AS rows,
       CASE WHEN class.relkind = 'v' THEN NULL ELSE (
                SELECT coalesce(sum(pg_total_relation_size(part.relid)), pg_total_relation_size(class.oid))
                FROM pg_partition_tree(class.oid) AS part
                WHERE part.isleaf) END::bigint AS bytes,
       (SELECT count(*) FROM pg_partition_tree(class.oid) AS part
        WHERE part.isleaf AND part.relid <> class.oid) AS partitions,
       CASE WHEN class.relkind IN ('v', 'm') THEN pg_get_viewdef(class.oid) END AS definition
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT class.relispartition
  AND namespace.nspname <> 'information_schema' AND namespace.nspname NOT LIKE 'pg\_%%'
  AND (%(schemas)s::text[] IS NULL OR namespace.nspname = ANY (%(schemas)s::text[]))
  AND NOT EXISTS (SELECT FROM pg_depend AS depend
                  WHERE depend.classid = 'pg_class'::regclass AND depend.objid = class.oid AND depend.deptype = 'e')
ORDER BY namespace.nspname, class.relname;

-- name: columns
-- The columns of relations, in order.
SELECT attribute.attrelid::bigint AS relation, attribute.attname AS name,
       format_type(attribute.atttypid, attribute.atttypmod) AS type, attribute.attnotnull AS not_null,
       CASE WHEN attribute.attidentity <> '' THEN 'identity'
            WHEN attribute.attgenerated <> '' THEN 'generated: ' || pg_get_expr(def.adbin, def.adrelid)
            ELSE pg_get_expr(def.adbin, def.adrelid) END AS default_value,
       col_description(attribute.attrelid, attribute.attnum) AS comment
FROM pg_attribute AS attribute
LEFT JOIN pg_attrdef AS def ON def.adrelid = attribute.attrelid AND def.adnum = attribute.attnum
WHERE attribute.attrelid = ANY (%(relations)s::oid[]) AND attribute.attnum > 0 AND NOT attribute.attisdropped
ORDER BY attribute.attrelid, attribute.attnum;

-- name: constraints
-- Keys and checks of relations, and which relation a foreign key refers to.
SELECT con.conrelid::bigint AS relation, con.conname AS name, pg_get_constraintdef(con.oid) AS definition,
       nullif(con.confrelid, 0)::bigint AS refers_to
FROM pg_constraint AS con
WHERE con.conrelid = ANY (%(relations)s::oid[]) AND con.contype IN ('p', 'u', 'f', 'c', 'x')
  AND con.conparentid = 0
ORDER BY con.conrelid, position(con.contype IN 'pufxc'), con.conname;

-- name: indexes
-- Indexes of relations that no constraint brings.
SELECT index.indrelid::bigint AS relation, class.relname AS name, pg_get_indexdef(index.indexrelid) AS definition,
       index.indisvalid AS valid
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indexrelid
WHERE index.indrelid = ANY (%(relations)s::oid[])
  AND NOT EXISTS (SELECT FROM pg_constraint AS con WHERE con.conindid = index.indexrelid AND con.conrelid = index.indrelid)
ORDER BY index.indrelid, class.relname;
