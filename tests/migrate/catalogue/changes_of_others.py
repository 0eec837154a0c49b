"""Deliberate changes to ``shop.sql``: sequences, views, functions, types, rights, comments and all else."""

from __future__ import annotations

from tests.migrate.catalogue.change import Change

CHANGES = {
    # sequences
    "sequence dropped": Change("DROP SEQUENCE shop.tickets", ("missing: sequence shop.tickets",)),
    "sequence added": Change("CREATE SEQUENCE shop.more", ("unexpected: sequence shop.more",)),
    "sequence's increment": Change(
        "ALTER SEQUENCE shop.numbers INCREMENT BY 1", ("different: sequence shop.numbers (increment)",)
    ),
    "sequence's maximum": Change(
        "ALTER SEQUENCE shop.numbers MAXVALUE 1000 CYCLE",
        ("different: sequence shop.numbers (cycle, maximum)",),
    ),
    "sequence's type": Change(
        "ALTER SEQUENCE shop.tickets AS integer", ("different: sequence shop.tickets (maximum, type)",)
    ),
    "sequence not owned": Change(
        "ALTER SEQUENCE shop.orders_id_seq OWNED BY NONE",
        ("different: sequence shop.orders_id_seq (owned_by)",),
    ),
    "sequence owned": Change(
        "ALTER SEQUENCE shop.numbers OWNED BY shop.orders.number",
        ("different: sequence shop.numbers (owned_by)",),
    ),
    # views
    "view dropped": Change("DROP VIEW shop.richest", ("missing: view shop.richest",)),
    "view changed": Change(
        "CREATE OR REPLACE VIEW shop.richest AS SELECT name FROM shop.rich WHERE score > 2000",
        ("different: view shop.richest (definition)",),
    ),
    "view with another on it changed": Change(
        (
            "DROP VIEW shop.richest; CREATE OR REPLACE VIEW shop.rich WITH (security_barrier) AS "
            "SELECT id, name, score, born FROM shop.customers WHERE score > 100;CREATE VIEW "
            "shop.richest AS SELECT name, born FROM shop.rich WHERE score > 1000"
        ),
        (
            "missing: comment view column shop.richest.name",
            "missing: comment view shop.richest",
            "unexpected: grants table shop.richest",
            "different: view shop.rich (columns, definition)",
            "different: view shop.richest (columns, definition)",
        ),
    ),
    "view's options": Change(
        "ALTER VIEW shop.rich RESET (security_barrier)", ("different: view shop.rich (options)",)
    ),
    "view security": Change(
        "ALTER VIEW shop.richest SET (security_invoker = true)", ("different: view shop.richest (options)",)
    ),
    "view's default": Change(
        "ALTER VIEW shop.rich ALTER COLUMN name SET DEFAULT 'nobody'",
        ("different: view shop.rich (defaults)",),
    ),
    "view added": Change(
        ("CREATE VIEW shop.poor AS SELECT 1 AS one; CREATE VIEW shop.poorer AS SELECT * FROM shop.poor"),
        (
            "unexpected: view shop.poor",
            "unexpected: view shop.poorer",
        ),
    ),
    "materialized view dropped": Change(
        "DROP MATERIALIZED VIEW shop.totals", ("missing: materialized view shop.totals",)
    ),
    "materialized view changed": Change(
        (
            "DROP MATERIALIZED VIEW shop.totals; CREATE MATERIALIZED VIEW shop.totals AS SELECT "
            "customer_id, count(*) AS total FROM shop.orders GROUP BY 1;CREATE UNIQUE INDEX "
            "totals_customer ON shop.totals (customer_id)"
        ),
        (
            "unexpected: grants table shop.totals",
            "different: materialized view shop.totals (definition)",
        ),
    ),
    # functions
    "function dropped": Change(
        "DROP FUNCTION shop.inlined(integer)", ("missing: function shop.inlined(integer)",)
    ),
    "function added": Change(
        "CREATE FUNCTION shop.more() RETURNS void LANGUAGE sql AS ''", ("unexpected: function shop.more()",)
    ),
    "function overloaded": Change(
        "CREATE FUNCTION shop.twice(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1'",
        ("unexpected: function shop.twice(text)",),
    ),
    "body": Change(
        (
            "CREATE OR REPLACE FUNCTION shop.guarded() RETURNS text LANGUAGE plpgsql SECURITY "
            "DEFINER SET search_path = shop, pg_temp AS $$ BEGIN RETURN 'other'; END $$"
        ),
        ("different: function shop.guarded() (body)",),
    ),
    "SQL body": Change(
        ("CREATE OR REPLACE FUNCTION shop.inlined(n integer) RETURNS integer LANGUAGE sql RETURN n + 2"),
        ("different: function shop.inlined(integer) (sql_body)",),
    ),
    "volatility": Change(
        "ALTER FUNCTION shop.twice(integer, integer) VOLATILE",
        ("different: function shop.twice(integer,integer) (volatility)",),
    ),
    "security definer": Change(
        "ALTER FUNCTION shop.guarded() SECURITY INVOKER",
        ("different: function shop.guarded() (security_definer)",),
    ),
    "function's settings": Change(
        "ALTER FUNCTION shop.guarded() RESET search_path", ("different: function shop.guarded() (settings)",)
    ),
    "parallel safety": Change(
        "ALTER FUNCTION shop.twice(integer, integer) PARALLEL UNSAFE",
        ("different: function shop.twice(integer,integer) (parallel)",),
    ),
    "strictness, cost, leakproof": Change(
        "ALTER FUNCTION shop.twice(integer, integer) STRICT COST 7 LEAKPROOF",
        ("different: function shop.twice(integer,integer) (cost, leakproof, strict)",),
    ),
    "argument's default": Change(
        (
            "CREATE OR REPLACE FUNCTION shop.twice(n integer, by integer DEFAULT 3) RETURNS "
            "integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT n * by'"
        ),
        ("different: function shop.twice(integer,integer) (arguments)",),
    ),
    "returned type": Change(
        (
            "DROP FUNCTION shop.inlined(integer); CREATE FUNCTION shop.inlined(n integer) RETURNS"
            " bigint LANGUAGE sql RETURN n + 1"
        ),
        (
            "different: function shop.inlined(integer) (returns)",
            "unexpected: grants function shop.inlined(integer)",
        ),
    ),
    "procedure dropped": Change(
        "DROP PROCEDURE shop.tidy(integer)", ("missing: procedure shop.tidy(integer)",)
    ),
    "aggregate dropped": Change(
        "DROP AGGREGATE shop.product(numeric)", ("missing: aggregate shop.product(numeric)",)
    ),
    "aggregate changed": Change(
        (
            "CREATE OR REPLACE AGGREGATE shop.product(numeric) (SFUNC = numeric_mul, STYPE = "
            "numeric, INITCOND = '2')"
        ),
        ("different: aggregate shop.product(numeric) (initcond)",),
    ),
    # triggers, rules
    "trigger dropped": Change(
        "DROP TRIGGER touched ON shop.orders", ("missing: trigger touched on shop.orders",)
    ),
    "trigger disabled": Change(
        "ALTER TABLE shop.orders DISABLE TRIGGER touched",
        ("different: trigger touched on shop.orders (enabled)",),
    ),
    "trigger always": Change(
        "ALTER TABLE shop.orders ENABLE ALWAYS TRIGGER touched",
        ("different: trigger touched on shop.orders (enabled)",),
    ),
    "trigger's events": Change(
        (
            "CREATE OR REPLACE TRIGGER touched BEFORE INSERT ON shop.orders FOR EACH ROW EXECUTE "
            "FUNCTION shop.touch()"
        ),
        ("different: trigger touched on shop.orders (definition)",),
    ),
    "trigger of a partitioned table dropped": Change(
        "DROP TRIGGER seen ON shop.events", ("missing: trigger seen on shop.events",)
    ),
    "trigger of a partition disabled": Change(
        "ALTER TABLE shop.events_2026 DISABLE TRIGGER seen",
        ("different: trigger seen on shop.events_2026 (enabled)",),
    ),
    "event trigger dropped": Change("DROP EVENT TRIGGER shop_heard", ("missing: event trigger shop_heard",)),
    "event trigger disabled": Change(
        "ALTER EVENT TRIGGER shop_heard DISABLE", ("different: event trigger shop_heard (enabled)",)
    ),
    "rule dropped": Change("DROP RULE quiet ON shop.scratch", ("missing: rule quiet on shop.scratch",)),
    "rule disabled": Change(
        "ALTER TABLE shop.scratch DISABLE RULE quiet", ("different: rule quiet on shop.scratch (enabled)",)
    ),
    "rule changed": Change(
        "CREATE OR REPLACE RULE quiet AS ON DELETE TO shop.scratch DO ALSO NOTHING",
        ("different: rule quiet on shop.scratch (definition)",),
    ),
    # types
    "label missing": Change(
        (
            "ALTER TABLE shop.orders ALTER COLUMN state DROP DEFAULT, ALTER COLUMN state TYPE "
            "text;DROP TYPE shop.state; CREATE TYPE shop.state AS ENUM ('new', 'sent');COMMENT ON"
            " TYPE shop.state IS 'How far it is.';ALTER TABLE shop.orders ALTER COLUMN state TYPE"
            " shop.state USING state::shop.state, ALTER COLUMN state SET DEFAULT 'new'"
        ),
        ("different: type shop.state (labels)",),
    ),
    "label added": Change(
        "ALTER TYPE shop.state ADD VALUE 'lost' AFTER 'paid'", ("different: type shop.state (labels)",)
    ),
    "label renamed": Change(
        "ALTER TYPE shop.state RENAME VALUE 'sent' TO 'gone'", ("different: type shop.state (labels)",)
    ),
    "domain's check dropped": Change(
        "ALTER DOMAIN shop.email DROP CONSTRAINT has_at", ("missing: domain constraint has_at on shop.email",)
    ),
    "domain's default": Change(
        "ALTER DOMAIN shop.email DROP DEFAULT", ("different: type shop.email (default)",)
    ),
    "domain not null": Change(
        "ALTER DOMAIN shop.email SET NOT NULL", ("different: type shop.email (not_null)",)
    ),
    "composite type's attribute dropped": Change(
        "ALTER TYPE shop.place DROP ATTRIBUTE town", ("different: type shop.place (attributes)",)
    ),
    "composite type's attribute added": Change(
        "ALTER TYPE shop.place ADD ATTRIBUTE code text", ("different: type shop.place (attributes)",)
    ),
    "range dropped": Change("DROP TYPE shop.span", ("missing: type shop.span",)),
    "collation dropped": Change(
        ('ALTER TABLE shop.customers ALTER COLUMN notes TYPE text COLLATE "C"; DROP COLLATION shop.plain'),
        (
            "missing: collation shop.plain",
            "different: column shop.customers.notes (collation, storage)",
        ),
    ),
    # rights
    "grant missing": Change(
        "REVOKE UPDATE ON shop.customers FROM catalogue_reader",
        ("different: grants table shop.customers (granted)",),
    ),
    "grant added": Change(
        "GRANT DELETE ON shop.customers TO catalogue_reader",
        ("different: grants table shop.customers (granted)",),
    ),
    "grant to everybody": Change(
        "GRANT SELECT ON shop.lines TO PUBLIC", ("unexpected: grants table shop.lines",)
    ),
    "grant option": Change(
        "REVOKE GRANT OPTION FOR SELECT ON shop.orders FROM catalogue_reader",
        ("different: grants table shop.orders (granted)",),
    ),
    "grant on a column": Change(
        "REVOKE UPDATE (price) ON shop.orders FROM catalogue_reader",
        ("missing: grants column shop.orders.price",),
    ),
    "grant on a schema": Change(
        "GRANT CREATE ON SCHEMA shop TO catalogue_reader", ("different: grants schema shop (granted)",)
    ),
    "grant on a sequence": Change(
        "REVOKE USAGE ON SEQUENCE shop.numbers FROM catalogue_reader",
        ("missing: grants sequence shop.numbers",),
    ),
    "grant on a function": Change(
        "GRANT EXECUTE ON FUNCTION shop.guarded() TO PUBLIC",
        ("different: grants function shop.guarded() (revoked)",),
    ),
    "grant on a type": Change(
        "REVOKE USAGE ON TYPE shop.state FROM PUBLIC", ("unexpected: grants type shop.state",)
    ),
    "owner without a right": Change(
        "REVOKE DELETE ON shop.lines FROM CURRENT_USER", ("unexpected: grants table shop.lines",)
    ),
    "default privileges": Change(
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA shop REVOKE SELECT ON TABLES FROM catalogue_reader"),
        ("missing: default privileges for owner in schema shop on tables",),
    ),
    "default privileges for all schemas": Change(
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        ("missing: default privileges for owner on functions",),
    ),
    "policy dropped": Change("DROP POLICY own ON shop.customers", ("missing: policy own on shop.customers",)),
    "policy widened": Change(
        "ALTER POLICY own ON shop.customers USING (true)",
        ("different: policy own on shop.customers (using)",),
    ),
    "policy's roles": Change(
        "ALTER POLICY own ON shop.customers TO PUBLIC", ("different: policy own on shop.customers (roles)",)
    ),
    "policy permissive": Change(
        ("DROP POLICY strict ON shop.customers; CREATE POLICY strict ON shop.customers USING (true)"),
        ("different: policy strict on shop.customers (restrictive)",),
    ),
    # comments
    "comment changed": Change(
        "COMMENT ON TABLE shop.customers IS 'other'", ("different: comment table shop.customers (text)",)
    ),
    "comment removed": Change(
        "COMMENT ON COLUMN shop.customers.born IS NULL",
        ("missing: comment table column shop.customers.born",),
    ),
    "comment added": Change(
        "COMMENT ON TRIGGER touched ON shop.orders IS 'new'",
        ("unexpected: comment trigger touched on shop.orders",),
    ),
    "comments everywhere": Change(
        (
            "COMMENT ON POLICY own ON shop.customers IS 'a'; COMMENT ON RULE quiet ON "
            "shop.scratch IS 'b';COMMENT ON CONSTRAINT has_at ON DOMAIN shop.email IS 'c'; "
            "COMMENT ON STATISTICS shop.name_and_born IS 'd';COMMENT ON CAST (shop.place AS text)"
            " IS 'e'; COMMENT ON OPERATOR shop.=== (integer, integer) IS 'f';COMMENT ON EVENT "
            "TRIGGER shop_heard IS 'g'; COMMENT ON PUBLICATION feed IS 'h';COMMENT ON SERVER "
            "branch IS 'i'; COMMENT ON FOREIGN DATA WRAPPER elsewhere IS 'j';COMMENT ON TEXT "
            "SEARCH CONFIGURATION shop.search IS 'k'; COMMENT ON COLUMN shop.place.town IS "
            "'l';COMMENT ON MATERIALIZED VIEW shop.totals IS 'm'; COMMENT ON PROCEDURE "
            "shop.tidy(integer) IS 'n';COMMENT ON AGGREGATE shop.product(numeric) IS 'o'; COMMENT"
            " ON SEQUENCE shop.numbers IS 'p';COMMENT ON OPERATOR CLASS shop.by_value USING btree"
            " IS 'q'; COMMENT ON COLLATION shop.plain IS 'r'"
        ),
        (
            "unexpected: comment aggregate shop.product(numeric)",
            "unexpected: comment cast (shop.place AS pg_catalog.text)",
            "unexpected: comment collation shop.plain",
            "unexpected: comment composite type column shop.place.town",
            "unexpected: comment domain constraint has_at on shop.email",
            "unexpected: comment event trigger shop_heard",
            "unexpected: comment foreign-data wrapper elsewhere",
            "unexpected: comment materialized view shop.totals",
            "unexpected: comment operator class shop.by_value USING btree",
            "unexpected: comment operator shop.===(integer,integer)",
            "unexpected: comment policy own on shop.customers",
            "unexpected: comment procedure shop.tidy(integer)",
            "unexpected: comment publication feed",
            "unexpected: comment rule quiet on shop.scratch",
            "unexpected: comment sequence shop.numbers",
            "unexpected: comment server branch",
            "unexpected: comment statistics object shop.name_and_born",
            "unexpected: comment text search configuration shop.search",
        ),
    ),
    "comments gone": Change(
        (
            "COMMENT ON CONSTRAINT score_is_positive ON shop.customers IS NULL;COMMENT ON "
            "FUNCTION shop.twice(integer, integer) IS NULL; COMMENT ON SCHEMA shop IS "
            "NULL;COMMENT ON TYPE shop.state IS NULL; COMMENT ON VIEW shop.richest IS "
            "NULL;COMMENT ON COLUMN shop.richest.name IS NULL; COMMENT ON INDEX "
            "shop.customers_born IS NULL"
        ),
        (
            "missing: comment function shop.twice(integer,integer)",
            "missing: comment index shop.customers_born",
            "missing: comment schema shop",
            "missing: comment table constraint score_is_positive on shop.customers",
            "missing: comment type shop.state",
            "missing: comment view column shop.richest.name",
            "missing: comment view shop.richest",
        ),
    ),
    # others
    "schema added": Change("CREATE SCHEMA more", ("unexpected: schema more",)),
    "schema with things added": Change(
        "CREATE SCHEMA more; CREATE TABLE more.things (id int)",
        (
            "unexpected: schema more",
            "unexpected: table more.things",
        ),
    ),
    "schema dropped": Change(
        'DROP SCHEMA "Odd Names" CASCADE',
        (
            'missing: schema "Odd Names"',
            'missing: table "Odd Names"."The ""Table"" of A.B"',
        ),
    ),
    "whole schema dropped": Change("DROP SCHEMA shop CASCADE", ()),
    "statistics dropped": Change(
        "DROP STATISTICS shop.name_and_born", ("missing: statistics shop.name_and_born",)
    ),
    "statistics object's target": Change(
        "ALTER STATISTICS shop.name_and_born SET STATISTICS 77",
        ("different: statistics shop.name_and_born (target)",),
    ),
    "extension dropped": Change(
        "DROP EXTENSION plpgsql CASCADE",
        (
            "missing: event trigger shop_heard",
            "missing: extension plpgsql",
            "missing: function shop.guarded()",
            "missing: function shop.heard()",
            "missing: function shop.touch()",
            "missing: procedure shop.tidy(integer)",
            "missing: trigger seen on shop.events",
            "missing: trigger touched on shop.orders",
        ),
        is_a_persons=True,
    ),
    "publication dropped": Change("DROP PUBLICATION feed", ("missing: publication feed",)),
    "publication's tables": Change(
        "ALTER PUBLICATION feed ADD TABLE shop.lines", ("different: publication feed (tables)",)
    ),
    "publication's columns": Change(
        "ALTER PUBLICATION feed SET TABLE shop.customers, shop.orders",
        ("different: publication feed (tables)",),
    ),
    "publication's operations": Change(
        "ALTER PUBLICATION feed SET (publish = 'insert')", ("different: publication feed (publish)",)
    ),
    "operator dropped": Change(
        "DROP OPERATOR shop.=== (integer, integer)", ("missing: operator shop.===(integer,integer)",)
    ),
    "cast dropped": Change("DROP CAST (shop.place AS text)", ("missing: cast (shop.place AS text)",)),
    "cast implicit": Change(
        (
            "DROP CAST (shop.place AS text); CREATE CAST (shop.place AS text) WITH FUNCTION "
            "shop.as_text(shop.place)"
        ),
        ("different: cast (shop.place AS text) (context)",),
    ),
    "operator class dropped": Change(
        "DROP OPERATOR FAMILY shop.by_value USING btree",
        ("missing: operator class shop.by_value USING btree",),
    ),
    "text search mapping": Change(
        ("ALTER TEXT SEARCH CONFIGURATION shop.search ALTER MAPPING FOR asciiword WITH english_stem"),
        ("different: text search configuration shop.search (mappings)",),
    ),
    "text search configuration dropped": Change(
        "DROP TEXT SEARCH CONFIGURATION shop.search", ("missing: text search configuration shop.search",)
    ),
    "text search dictionary changed": Change(
        "ALTER TEXT SEARCH DICTIONARY shop.words (accept = true)",
        ("different: text search dictionary shop.words (options)",),
    ),
    "foreign server's options": Change(
        "ALTER SERVER branch OPTIONS (SET host 'other', ADD port '1')",
        ("different: server branch (options)",),
    ),
    "foreign table's options": Change(
        "ALTER FOREIGN TABLE shop.abroad OPTIONS (SET file 'b')",
        ("different: foreign table shop.abroad (foreign_options)",),
    ),
    "foreign column's options": Change(
        "ALTER FOREIGN TABLE shop.abroad ALTER COLUMN id OPTIONS (DROP place)",
        ("different: column shop.abroad.id (foreign_options)",),
    ),
    "foreign table dropped": Change(
        "DROP FOREIGN TABLE shop.abroad", ("missing: foreign table shop.abroad",)
    ),
    "foreign-data wrapper dropped": Change(
        "DROP FOREIGN DATA WRAPPER elsewhere CASCADE",
        (
            "missing: foreign table shop.abroad",
            "missing: foreign-data wrapper elsewhere",
            "missing: server branch",
        ),
    ),
}
