-- Every statement of the catalogue returns: kind, schema (NULL for what stands in none), name (the
-- identity, quoted), parent (kind and name of what it goes with), definition (what is at its default is
-- left out). They are run with an empty search_path. What belongs to an extension is left out.

-- name: schemas
-- Schemas that are not PostgreSQL's own.
SELECT 'schema' AS kind, n.nspname::text AS schema, quote_ident(n.nspname) AS name, NULL::text AS parent,
       '{}'::jsonb AS definition
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')

-- name: tables
-- Ordinary, partitioned and foreign tables, without their columns.
SELECT CASE c.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
       n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'columns', (SELECT jsonb_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           'unlogged', nullif(c.relpersistence = 'u', false),
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM (SELECT * FROM pg_options_to_table(c.reloptions)
                             UNION ALL
                             SELECT 'toast.' || t.option_name, t.option_value
                             FROM pg_class toast, pg_options_to_table(toast.reloptions) t
                             WHERE toast.oid = c.reltoastrelid) o),
           'access_method', (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam AND m.amname <> 'heap'),
           'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
           'replica_identity', CASE CASE c.relkind WHEN 'f' THEN 'd' ELSE c.relreplident END WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i'
               THEN (SELECT 'index ' || quote_ident(x.relname) FROM pg_index i
                     JOIN pg_class x ON x.oid = i.indexrelid
                     WHERE i.indrelid = c.oid AND i.indisreplident) END,
           'row_security', nullif(c.relrowsecurity, false),
           'force_row_security', nullif(c.relforcerowsecurity, false),
           'partition_key', CASE c.relkind WHEN 'p' THEN pg_get_partkeydef(c.oid) END,
           'partition_bound', CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
           'inherits', CASE WHEN NOT c.relispartition AND NOT c.relhassubclass AND c.relkind = 'p'
               THEN NULL
               ELSE (SELECT jsonb_agg(quote_ident(pn.nspname) || '.' || quote_ident(p.relname)
                                      ORDER BY h.inhseqno)
                     FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
                     JOIN pg_namespace pn ON pn.oid = p.relnamespace
                     WHERE h.inhrelid = c.oid) END,
           'of_type', CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           'server', (SELECT quote_ident(s.srvname) FROM pg_foreign_table f
                      JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
           'foreign_options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                               FROM pg_foreign_table f, pg_options_to_table(f.ftoptions) o
                               WHERE f.ftrelid = c.oid)
       )) AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: columns
-- Columns of tables.
SELECT 'column' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname) AS name,
       CASE c.relkind WHEN 'f' THEN 'foreign table ' ELSE 'table ' END
           || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(a.atttypid, a.atttypmod),
           'collation', CASE WHEN a.attcollation <> t.typcollation
               THEN (SELECT quote_ident(cn.nspname) || '.' || quote_ident(l.collname)
                     FROM pg_collation l JOIN pg_namespace cn ON cn.oid = l.collnamespace
                     WHERE l.oid = a.attcollation) END,
           'not_null', nullif(a.attnotnull, false),
           'not_null_constraint', (SELECT quote_ident(k.conname) || CASE WHEN k.connoinherit
                                          THEN ' NO INHERIT' ELSE '' END
                                          || CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END
                                   FROM pg_constraint k
                                   WHERE a.attnotnull AND k.conrelid = c.oid AND k.contype = 'n'
                                     AND k.conkey = ARRAY[a.attnum]),
           'default', CASE a.attgenerated WHEN '' THEN pg_get_expr(e.adbin, e.adrelid) END,
           'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(e.adbin, e.adrelid) END,
           'generated_kind', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
           'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,
           'storage', CASE WHEN a.attstorage <> t.typstorage THEN
               CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                 WHEN 'm' THEN 'main' ELSE 'extended' END END,
           'compression', CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END,
           'statistics', nullif(a.attstattarget, -1),
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM pg_options_to_table(a.attoptions) o),
           'foreign_options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                               FROM pg_options_to_table(a.attfdwoptions) o),
           'inherited', nullif(a.attinhcount > 0, false)
       )) AS definition
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: constraints
-- Constraints of tables, except not-null (the column's) and what a table has from its parent.
SELECT 'constraint' AS kind, n.nspname::text AS schema,
       quote_ident(k.conname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       CASE c.relkind WHEN 'f' THEN 'foreign table ' ELSE 'table ' END
           || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', regexp_replace(pg_get_constraintdef(k.oid),
               '( DEFERRABLE| INITIALLY DEFERRED| NOT VALID| NOT ENFORCED)+$', ''),
           'deferrable', CASE WHEN k.condeferred THEN 'initially deferred'
                              WHEN k.condeferrable THEN 'initially immediate' END,
           'not_valid', nullif(NOT k.convalidated, false),
           'not_enforced', nullif((to_jsonb(k)->>'conenforced')::boolean IS FALSE, false),
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM pg_options_to_table(x.reloptions) o),
           'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = x.reltablespace),
           'clustered', (SELECT nullif(i.indisclustered, false) FROM pg_index i
                         WHERE i.indexrelid = x.oid)
       )) AS definition
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class x ON x.oid = k.conindid AND k.contype IN ('p', 'u', 'x')
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0
  AND k.coninhcount = 0
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: indexes
-- Indexes that no constraint stands on.
SELECT 'index' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       CASE r.relkind WHEN 'm' THEN 'materialized view ' ELSE 'table ' END
           || quote_ident(rn.nspname) || '.' || quote_ident(r.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', pg_get_indexdef(c.oid),
           'invalid', nullif(NOT (i.indisvalid AND i.indisready AND i.indislive), false),
           'clustered', nullif(i.indisclustered, false),
           'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace),
           'partition_of', (SELECT quote_ident(pn.nspname) || '.' || quote_ident(p.relname)
                            FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent
                            JOIN pg_namespace pn ON pn.oid = p.relnamespace
                            WHERE h.inhrelid = c.oid),
           'statistics', (SELECT jsonb_object_agg(a.attnum, a.attstattarget) FROM pg_attribute a
                          WHERE a.attrelid = c.oid AND a.attstattarget >= 0)
       )) AS definition
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid IN (c.oid, r.oid) AND d.deptype = 'e')

-- name: sequences
-- Sequences with all their parameters, never their current value.
SELECT 'sequence' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       'column ' || o.name AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
           'minimum', s.seqmin, 'maximum', s.seqmax, 'cache', s.seqcache, 'cycle', nullif(s.seqcycle, false),
           'unlogged', nullif(c.relpersistence = 'u', false),
           'owned_by', o.name, 'of_identity', nullif(o.deptype = 'i', false)
       )) AS definition
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.relname) || '.' || quote_ident(a.attname) AS name,
           d.deptype
    FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) o ON true
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: views
-- Views and materialized views.
SELECT CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', rtrim(btrim(pg_get_viewdef(c.oid), E' \n'), ';'),
           'columns', (SELECT jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                                        ORDER BY a.attnum) FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           'defaults', (SELECT jsonb_object_agg(quote_ident(a.attname), pg_get_expr(e.adbin, e.adrelid))
                        FROM pg_attrdef e
                        JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
                        WHERE e.adrelid = c.oid),
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM pg_options_to_table(c.reloptions) o),
           'access_method', (SELECT m.amname FROM pg_am m WHERE m.oid = c.relam AND m.amname <> 'heap'),
           'tablespace', (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace)
       )) AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: rules
-- Rewrite rules, except those that make a view.
SELECT 'rule' AS kind, n.nspname::text AS schema,
       quote_ident(w.rulename) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'table ' END
           || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', rtrim(pg_get_ruledef(w.oid), ';'),
           'enabled', CASE w.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                        WHEN 'A' THEN 'always' END
       )) AS definition
FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE w.rulename <> '_RETURN'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: triggers
-- Triggers; one that a partition has from its parent goes with the parent's.
SELECT 'trigger' AS kind, n.nspname::text AS schema,
       quote_ident(g.tgname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       CASE WHEN g.tgparentid <> 0 THEN 'trigger ' || (
               SELECT quote_ident(pg.tgname) || ' on ' || quote_ident(pn.nspname) || '.'
                      || quote_ident(pc.relname)
               FROM pg_trigger pg JOIN pg_class pc ON pc.oid = pg.tgrelid
               JOIN pg_namespace pn ON pn.oid = pc.relnamespace WHERE pg.oid = g.tgparentid)
            ELSE CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END
                 || quote_ident(n.nspname) || '.' || quote_ident(c.relname) END AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', pg_get_triggerdef(g.oid),
           'inherited', nullif(g.tgparentid <> 0, false),
           'enabled', CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                       WHEN 'A' THEN 'always' END
       )) AS definition
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: policies
-- Row security policies.
SELECT 'policy' AS kind, n.nspname::text AS schema,
       quote_ident(p.polname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
       'table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'command', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                    WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
           'restrictive', nullif(NOT p.polpermissive, false),
           'roles', (SELECT jsonb_agg(CASE WHEN r.role = 0 THEN 'PUBLIC'
                                           ELSE quote_ident(pg_get_userbyid(r.role)) END
                                      ORDER BY pg_get_userbyid(r.role) COLLATE "C")
                     FROM unnest(p.polroles) AS r(role)),
           'using', pg_get_expr(p.polqual, p.polrelid),
           'check', pg_get_expr(p.polwithcheck, p.polrelid)
       )) AS definition
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: statistics
-- Extended statistics.
SELECT 'statistics' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(s.stxname) AS name,
       'table ' || quote_ident(cn.nspname) || '.' || quote_ident(c.relname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', pg_get_statisticsobjdef(s.oid), 'target', nullif(s.stxstattarget, -1)
       )) AS definition
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
