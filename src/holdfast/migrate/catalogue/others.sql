-- What is rarer, and what stands in no schema, in the form that relations.sql describes.

-- name: extensions
-- Extensions; what belongs to one is not looked at.
SELECT 'extension' AS kind, NULL::text AS schema, quote_ident(x.extname) AS name, NULL::text AS parent,
       jsonb_build_object('version', x.extversion, 'schema', quote_ident(n.nspname)) AS definition
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace

-- name: event_triggers
-- Event triggers with the commands that they wait for.
SELECT 'event trigger' AS kind, NULL::text AS schema, quote_ident(e.evtname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'event', e.evtevent, 'function', e.evtfoid::regprocedure::text, 'tags', to_jsonb(e.evttags),
           'enabled', CASE e.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                        WHEN 'A' THEN 'always' END
       )) AS definition
FROM pg_event_trigger e
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e')

-- name: publications
-- Publications with their tables and schemas.
SELECT 'publication' AS kind, NULL::text AS schema, quote_ident(p.pubname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'all_tables', nullif(p.puballtables, false),
           'publish', array_to_string(array_remove(ARRAY[
               CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
               CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END], NULL), ', '),
           'via_partition_root', nullif(p.pubviaroot, false),
           'generated_columns', nullif(to_jsonb(p)->>'pubgencols', 'n'),
           'tables', (SELECT jsonb_agg(f.entry ORDER BY f.entry COLLATE "C") FROM (
               SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
                      || coalesce((SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
                                          || ')'
                                   FROM unnest(r.prattrs::int2[]) AS k(number)
                                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number), '')
                      || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '') AS entry
               FROM pg_publication_rel r JOIN pg_class c ON c.oid = r.prrelid
               JOIN pg_namespace n ON n.oid = c.relnamespace WHERE r.prpubid = p.oid) f),
           'schemas', (SELECT jsonb_agg(quote_ident(n.nspname) ORDER BY n.nspname COLLATE "C")
                       FROM pg_publication_namespace s JOIN pg_namespace n ON n.oid = s.pnnspid
                       WHERE s.pnpubid = p.oid)
       )) AS definition
FROM pg_publication p
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_publication'::regclass AND d.objid = p.oid AND d.deptype = 'e')

-- name: collations
-- Collations; their columns have other names on each major version.
SELECT 'collation' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(l.collname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'provider', CASE l.collprovider WHEN 'i' THEN 'icu' WHEN 'c' THEN 'libc'
                                           WHEN 'b' THEN 'builtin' ELSE 'default' END,
           'locale', coalesce(to_jsonb(l)->>'colllocale', to_jsonb(l)->>'colliculocale'),
           'lc_collate', l.collcollate, 'lc_ctype', l.collctype,
           'rules', to_jsonb(l)->>'collicurules',
           'nondeterministic', nullif(NOT l.collisdeterministic, false)
       )) AS definition
FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_collation'::regclass AND d.objid = l.oid AND d.deptype = 'e')

-- name: operators
-- Operators that somebody has made.
SELECT 'operator' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || o.oprname || '('
           || CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END || ','
           || format_type(o.oprright, NULL) || ')' AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'function', o.oprcode::text,
           'left', CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) END,
           'right', format_type(o.oprright, NULL),
           'commutator', CASE WHEN o.oprcom <> 0 THEN o.oprcom::regoper::text END,
           'negator', CASE WHEN o.oprnegate <> 0 THEN o.oprnegate::regoper::text END,
           'restrict', nullif(o.oprrest::text, '-'), 'join', nullif(o.oprjoin::text, '-'),
           'hashes', nullif(o.oprcanhash, false), 'merges', nullif(o.oprcanmerge, false)
       )) AS definition
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE o.oprcode::oid <> 0
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_operator'::regclass AND d.objid = o.oid AND d.deptype = 'e')

-- name: operator_classes
-- Operator classes, with the operators and functions that they bring.
SELECT 'operator class' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(q.opcname) || ' USING ' || quote_ident(m.amname) AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'type', format_type(q.opcintype, NULL), 'default', nullif(q.opcdefault, false),
           'storage', CASE WHEN q.opckeytype <> 0 THEN format_type(q.opckeytype, NULL) END,
           'family', quote_ident(fn.nspname) || '.' || quote_ident(f.opfname),
           'operators', (SELECT jsonb_agg(
                   a.amopstrategy || ' ' || a.amopopr::regoperator::text ORDER BY a.amopstrategy)
               FROM pg_amop a
               WHERE a.amopfamily = f.oid AND a.amoplefttype = q.opcintype
                 AND a.amoprighttype = q.opcintype),
           'functions', (SELECT jsonb_agg(
                   a.amprocnum || ' ' || a.amproc::oid::regprocedure::text ORDER BY a.amprocnum)
               FROM pg_amproc a
               WHERE a.amprocfamily = f.oid AND a.amproclefttype = q.opcintype
                 AND a.amprocrighttype = q.opcintype)
       )) AS definition
FROM pg_opclass q JOIN pg_namespace n ON n.oid = q.opcnamespace JOIN pg_am m ON m.oid = q.opcmethod
JOIN pg_opfamily f ON f.oid = q.opcfamily JOIN pg_namespace fn ON fn.oid = f.opfnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_opclass'::regclass AND d.objid = q.oid AND d.deptype = 'e')

-- name: casts
-- Casts that somebody has made.
SELECT 'cast' AS kind, NULL::text AS schema,
       '(' || format_type(c.castsource, NULL) || ' AS ' || format_type(c.casttarget, NULL) || ')' AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'function', CASE WHEN c.castfunc <> 0 THEN c.castfunc::regprocedure::text END,
           'method', CASE c.castmethod WHEN 'i' THEN 'inout' WHEN 'b' THEN 'binary' ELSE 'function' END,
           'context', CASE c.castcontext WHEN 'i' THEN 'implicit' WHEN 'a' THEN 'assignment' END
       )) AS definition
FROM pg_cast c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_cast'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'))

-- name: text_search_configurations
-- Text search configurations with what each kind of token is looked up in.
SELECT 'text search configuration' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.cfgname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'parser', quote_ident(pn.nspname) || '.' || quote_ident(p.prsname),
           'mappings', (SELECT jsonb_object_agg(k.alias, k.dictionaries) FROM (
               SELECT t.alias, jsonb_agg(m.mapdict::regdictionary::text ORDER BY m.mapseqno) AS dictionaries
               FROM pg_ts_config_map m JOIN ts_token_type(c.cfgparser) t ON t.tokid = m.maptokentype
               WHERE m.mapcfg = c.oid GROUP BY t.alias) k)
       )) AS definition
FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
JOIN pg_ts_parser p ON p.oid = c.cfgparser JOIN pg_namespace pn ON pn.oid = p.prsnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_ts_config'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: text_search_dictionaries
-- Text search dictionaries.
SELECT 'text search dictionary' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.dictname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'template', quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname), 'options', c.dictinitoption
       )) AS definition
FROM pg_ts_dict c JOIN pg_namespace n ON n.oid = c.dictnamespace
JOIN pg_ts_template t ON t.oid = c.dicttemplate JOIN pg_namespace tn ON tn.oid = t.tmplnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_ts_dict'::regclass AND d.objid = c.oid AND d.deptype = 'e')

-- name: foreign_data_wrappers
-- Foreign-data wrappers.
SELECT 'foreign-data wrapper' AS kind, NULL::text AS schema, quote_ident(w.fdwname) AS name,
       NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'handler', CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regproc::text END,
           'validator', CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regproc::text END,
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM pg_options_to_table(w.fdwoptions) o)
       )) AS definition
FROM pg_foreign_data_wrapper w
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_foreign_data_wrapper'::regclass AND d.objid = w.oid
                    AND d.deptype = 'e')

-- name: foreign_servers
-- Foreign servers; user mappings, which hold passwords, are not looked at.
SELECT 'server' AS kind, NULL::text AS schema, quote_ident(s.srvname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'wrapper', quote_ident(w.fdwname), 'type', s.srvtype, 'version', s.srvversion,
           'options', (SELECT jsonb_object_agg(o.option_name, o.option_value)
                       FROM pg_options_to_table(s.srvoptions) o)
       )) AS definition
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_foreign_server'::regclass AND d.objid = s.oid AND d.deptype = 'e')

-- name: languages
-- Procedural languages that no extension brings.
SELECT 'language' AS kind, NULL::text AS schema, quote_ident(l.lanname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'trusted', l.lanpltrusted, 'handler', l.lanplcallfoid::regprocedure::text
       )) AS definition
FROM pg_language l
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_language'::regclass AND d.objid = l.oid AND d.deptype = 'e')

-- name: conversions
-- Conversions between encodings.
SELECT 'conversion' AS kind, n.nspname::text AS schema,
       quote_ident(n.nspname) || '.' || quote_ident(c.conname) AS name, NULL::text AS parent,
       jsonb_strip_nulls(jsonb_build_object(
           'from', pg_encoding_to_char(c.conforencoding), 'to', pg_encoding_to_char(c.contoencoding),
           'function', c.conproc::text, 'default', nullif(c.condefault, false)
       )) AS definition
FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_conversion'::regclass AND d.objid = c.oid AND d.deptype = 'e')
