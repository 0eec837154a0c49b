-- Functions and types, in the form that relations.sql describes.

-- name: functions
-- Functions and procedures.
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname)
           || '(' || replace(oidvectortypes(p.proargtypes), ', ', ',') || ')' AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'arguments', nullif(pg_get_function_arguments(p.oid), ''),
           'returns', pg_get_function_result(p.oid),
           'language', l.lanname,
           'window', nullif(p.prokind = 'w', false),
           'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END,
           'parallel', CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END,
           'security_definer', nullif(p.prosecdef, false),
           'strict', nullif(p.proisstrict, false),
           'leakproof', nullif(p.proleakproof, false),
           'cost', nullif(p.procost, CASE WHEN l.lanname IN ('c', 'internal') THEN 1 ELSE 100 END),
           'rows', CASE WHEN p.proretset THEN nullif(p.prorows, 1000) END,
           'support', CASE WHEN p.prosupport::oid <> 0 THEN p.prosupport::text END,
           'settings', to_jsonb(p.proconfig),
           'library', p.probin,
           'body', CASE WHEN p.prosqlbody IS NULL THEN p.prosrc END,
           'sql_body', pg_get_function_sqlbody(p.oid)
       )) AS definition
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE p.prokind IN ('f', 'p', 'w')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                  AND d.deptype IN ('e', 'i'))

-- name: aggregates
-- Aggregate functions.
SELECT 'aggregate' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname)
           || '(' || replace(oidvectortypes(p.proargtypes), ', ', ',') || ')' AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'arguments', pg_get_function_arguments(p.oid),
           'direct_arguments', nullif(a.aggnumdirectargs, 0),
           'hypothetical', nullif(a.aggkind = 'h', false),
           'sfunc', a.aggtransfn::text, 'stype', format_type(a.aggtranstype, NULL),
           'sspace', nullif(a.aggtransspace, 0),
           'finalfunc', nullif(a.aggfinalfn::text, '-'), 'finalfunc_extra', nullif(a.aggfinalextra, false),
           'finalfunc_modify', a.aggfinalmodify,
           'combinefunc', nullif(a.aggcombinefn::text, '-'), 'serialfunc', nullif(a.aggserialfn::text, '-'),
           'deserialfunc', nullif(a.aggdeserialfn::text, '-'),
           'initcond', a.agginitval,
           'msfunc', nullif(a.aggmtransfn::text, '-'), 'minvfunc', nullif(a.aggminvtransfn::text, '-'),
           'mstype', CASE WHEN a.aggmtranstype <> 0 THEN format_type(a.aggmtranstype, NULL) END,
           'msspace', nullif(a.aggmtransspace, 0),
           'mfinalfunc', nullif(a.aggmfinalfn::text, '-'),
           'mfinalfunc_extra', nullif(a.aggmfinalextra, false),
           'mfinalfunc_modify', a.aggmfinalmodify,
           'minitcond', a.aggminitval,
           'sortop', CASE WHEN a.aggsortop <> 0 THEN a.aggsortop::regoperator::text END,
           'parallel', CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' END
       )) AS definition
FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')

-- name: types
-- Enums, domains, composite types and ranges; base types by their name and functions.
SELECT 'type' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'form', CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
                                  WHEN 'r' THEN 'range' ELSE 'base' END,
           'labels', CASE t.typtype WHEN 'e' THEN (
               SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
               WHERE e.enumtypid = t.oid) END,
           'attributes', CASE t.typtype WHEN 'c' THEN (
               SELECT jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                                || coalesce((SELECT ' COLLATE ' || quote_ident(ln.nspname) || '.'
                                                    || quote_ident(l.collname)
                                             FROM pg_collation l
                                             JOIN pg_namespace ln ON ln.oid = l.collnamespace
                                             JOIN pg_type at ON at.oid = a.atttypid
                                             WHERE l.oid = a.attcollation
                                               AND a.attcollation <> at.typcollation), '')
                                ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
           'base', CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           'not_null', CASE t.typtype WHEN 'd' THEN nullif(t.typnotnull, false) END,
           'default', CASE t.typtype WHEN 'd' THEN coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault) END,
           'collation', CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation
               THEN (SELECT quote_ident(ln.nspname) || '.' || quote_ident(l.collname)
                     FROM pg_collation l JOIN pg_namespace ln ON ln.oid = l.collnamespace
                     WHERE l.oid = t.typcollation) END,
           'subtype', CASE WHEN r.rngtypid IS NOT NULL THEN format_type(r.rngsubtype, NULL) END,
           'multirange', CASE WHEN r.rngtypid IS NOT NULL THEN format_type(r.rngmultitypid, NULL) END,
           'subtype_operator_class', (SELECT quote_ident(qn.nspname) || '.' || quote_ident(q.opcname)
                                      FROM pg_opclass q JOIN pg_namespace qn ON qn.oid = q.opcnamespace
                                      WHERE q.oid = r.rngsubopc AND NOT q.opcdefault),
           'range_collation', (SELECT quote_ident(ln.nspname) || '.' || quote_ident(l.collname)
                               FROM pg_collation l JOIN pg_namespace ln ON ln.oid = l.collnamespace
                               JOIN pg_type s ON s.oid = r.rngsubtype
                               WHERE l.oid = r.rngcollation AND r.rngcollation <> s.typcollation),
           'canonical', nullif(r.rngcanonical::text, '-'),
           'subtype_diff', nullif(r.rngsubdiff::text, '-'),
           'input', CASE t.typtype WHEN 'b' THEN t.typinput::text END,
           'output', CASE t.typtype WHEN 'b' THEN t.typoutput::text END
       )) AS definition
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (t.typtype IN ('e', 'd', 'r')
       OR t.typtype = 'c' AND (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c'
       OR t.typtype = 'b' AND t.typcategory <> 'A')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')

-- name: domain_constraints
-- Checks of domains.
SELECT 'domain constraint' AS kind, n.nspname::text AS schema,
       quote_ident(k.conname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS name,
       'type ' || quote_ident(n.nspname) || '.' || quote_ident(t.typname) AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
           'not_valid', nullif(NOT k.convalidated, false)
       )) AS definition
FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE k.contype = 'c'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
