-- Who may do what, and comments, in the form that relations.sql describes.

-- name: grants
-- Rights as they differ from PostgreSQL's defaults; the owner is named owner.
WITH objects (class, id, sub, kind, schema, name, parent, owner, type, acl) AS (
    SELECT 'pg_namespace'::regclass, n.oid, 0, 'schema', n.nspname::text, quote_ident(n.nspname),
           'schema ' || quote_ident(n.nspname), n.nspowner, 'n'::"char", n.nspacl
    FROM pg_namespace n
    WHERE n.nspacl IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, 0, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
           n.nspname, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           CASE c.relkind WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                          WHEN 'f' THEN 'foreign table ' ELSE 'table ' END
               || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
           c.relowner, (CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, a.attnum, 'column', n.nspname,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(a.attname),
           CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'column ' END
               || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
               || CASE WHEN c.relkind IN ('v', 'm') THEN '' ELSE '.' || quote_ident(a.attname) END,
           c.relowner, 'c'::"char", a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
           n.nspname, quote_ident(n.nspname) || '.' || quote_ident(p.proname)
               || '(' || replace(oidvectortypes(p.proargtypes), ', ', ',') || ')',
           CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
               || quote_ident(n.nspname) || '.' || quote_ident(p.proname)
               || '(' || replace(oidvectortypes(p.proargtypes), ', ', ',') || ')',
           p.proowner, 'f'::"char", p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proacl IS NOT NULL
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, 0, 'type', n.nspname,
           quote_ident(n.nspname) || '.' || quote_ident(t.typname),
           'type ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname),
           t.typowner, 'T'::"char", t.typacl
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typacl IS NOT NULL
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, s.oid, 0, 'foreign server', NULL, quote_ident(s.srvname),
           'server ' || quote_ident(s.srvname), s.srvowner, 'S'::"char", s.srvacl
    FROM pg_foreign_server s
    WHERE s.srvacl IS NOT NULL
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, 0, 'foreign data wrapper', NULL,
           quote_ident(w.fdwname), 'foreign-data wrapper ' || quote_ident(w.fdwname), w.fdwowner,
           'F'::"char", w.fdwacl
    FROM pg_foreign_data_wrapper w
    WHERE w.fdwacl IS NOT NULL
    UNION ALL
    SELECT 'pg_language'::regclass, l.oid, 0, 'language', NULL, quote_ident(l.lanname),
           'language ' || quote_ident(l.lanname), l.lanowner, 'l'::"char", l.lanacl
    FROM pg_language l
    WHERE l.lanacl IS NOT NULL AND l.oid >= 16384
), entries AS (
    SELECT o.kind, o.schema, o.name, o.parent, e.granted,
           CASE WHEN e.grantee = 0 THEN 'PUBLIC' WHEN e.grantee = o.owner THEN 'owner'
                ELSE quote_ident(pg_get_userbyid(e.grantee)) END || ': ' || e.privilege_type
               || CASE WHEN e.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS entry
    FROM objects o, LATERAL (
        SELECT true AS granted, g.* FROM (
            SELECT x.grantee, x.privilege_type, x.is_grantable FROM aclexplode(o.acl) x
            EXCEPT
            SELECT x.grantee, x.privilege_type, x.is_grantable FROM aclexplode(acldefault(o.type, o.owner)) x
        ) g
        UNION ALL
        SELECT false, r.* FROM (
            SELECT x.grantee, x.privilege_type, x.is_grantable FROM aclexplode(acldefault(o.type, o.owner)) x
            EXCEPT
            SELECT x.grantee, x.privilege_type, x.is_grantable FROM aclexplode(o.acl) x
        ) r
    ) e
    WHERE (o.schema IS NULL OR o.schema !~ '^pg_' AND o.schema <> 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = o.class AND d.objid = o.id
                        AND (d.deptype = 'e' OR d.deptype = 'i' AND o.class = 'pg_proc'::regclass))
)
SELECT 'grants' AS kind, schema, kind || ' ' || name AS name, parent,
       jsonb_strip_nulls(jsonb_build_object(
           'granted', jsonb_agg(entry ORDER BY entry COLLATE "C") FILTER (WHERE granted),
           'revoked', jsonb_agg(entry ORDER BY entry COLLATE "C") FILTER (WHERE NOT granted)
       )) AS definition
FROM entries
GROUP BY kind, schema, name, parent

-- name: default_privileges
-- Rights that new objects get; who reads, who migrates and the database's owner are named owner.
SELECT 'default privileges' AS kind, n.nspname::text AS schema,
       'for ' || CASE WHEN a.defaclrole = (SELECT b.datdba FROM pg_database b
                                           WHERE b.datname = current_database())
                        OR pg_get_userbyid(a.defaclrole) = current_user
                        OR a.defaclrole = (SELECT h.relowner FROM pg_class h
                                           WHERE h.oid = to_regclass('holdfast.migrations'))
                      THEN 'owner' ELSE quote_ident(pg_get_userbyid(a.defaclrole)) END
           || coalesce(' in schema ' || quote_ident(n.nspname), '') || ' on '
           || CASE a.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                   WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END
           AS name,
       NULL::text AS parent,
       jsonb_build_object('rights', (
           SELECT jsonb_agg(r.entry ORDER BY r.entry COLLATE "C") FROM (
               SELECT CASE WHEN x.grantee = 0 THEN 'PUBLIC' WHEN x.grantee = a.defaclrole THEN 'owner'
                           ELSE quote_ident(pg_get_userbyid(x.grantee)) END || ': ' || x.privilege_type
                      || CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS entry
               FROM aclexplode(a.defaclacl) x
           ) r)) AS definition
FROM pg_default_acl a LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace

-- name: comments
-- Comments on everything.
SELECT 'comment' AS kind, s.schema, o.type || ' ' || o.identity AS name,
       CASE WHEN o.type IN ('view column', 'materialized view column')
            THEN replace(o.type, ' column', ' ') || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
            WHEN o.type IN ('table column', 'foreign table column') THEN 'column ' || o.identity
            WHEN o.type = 'table constraint' THEN 'constraint ' || o.identity
            WHEN o.type = 'statistics object' THEN 'statistics ' || o.identity
            ELSE o.type || ' ' || o.identity END AS parent,
       jsonb_build_object('text', x.description) AS definition
FROM (SELECT * FROM pg_description
      WHERE objoid >= 16384 OR classoid = 'pg_namespace'::regclass AND objoid = 2200
      OFFSET 0) x -- first, so that the many of PostgreSQL's own are not named
CROSS JOIN LATERAL pg_identify_object(x.classoid, x.objoid, x.objsubid) o
LEFT JOIN pg_trigger g ON x.classoid = 'pg_trigger'::regclass AND g.oid = x.objoid
LEFT JOIN pg_policy p ON x.classoid = 'pg_policy'::regclass AND p.oid = x.objoid
LEFT JOIN pg_rewrite w ON x.classoid = 'pg_rewrite'::regclass AND w.oid = x.objoid
LEFT JOIN pg_constraint k ON x.classoid = 'pg_constraint'::regclass AND k.oid = x.objoid
LEFT JOIN pg_class c ON c.oid = coalesce(
    g.tgrelid, p.polrelid, w.ev_class, k.conrelid,
    CASE WHEN x.classoid = 'pg_class'::regclass THEN x.objoid END)
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT coalesce(
    n.nspname, o.schema, CASE WHEN x.classoid = 'pg_namespace'::regclass THEN o.name END) AS schema) s
WHERE (x.objoid >= 16384 OR x.description <> 'standard public schema')
  AND (s.schema IS NULL OR s.schema !~ '^pg_' AND s.schema <> 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = x.classoid AND d.objid = x.objoid AND d.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
