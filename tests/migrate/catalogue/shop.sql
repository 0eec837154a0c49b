-- A database with every kind of thing, to be changed by the tests.
CREATE SCHEMA shop;
CREATE SCHEMA "Odd Names";
CREATE TYPE shop.state AS ENUM ('new', 'paid', 'sent');
CREATE TYPE shop.place AS (street text, town text);
CREATE TYPE shop.span AS RANGE (SUBTYPE = numeric);
CREATE DOMAIN shop.email AS text DEFAULT 'x@example.org' CONSTRAINT has_at CHECK (VALUE LIKE '%@%');
CREATE COLLATION shop.plain (provider = libc, locale = 'C');
CREATE SEQUENCE shop.numbers INCREMENT BY 5 CACHE 10;
CREATE SEQUENCE shop.tickets;

CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email shop.email NOT NULL UNIQUE,
    name text NOT NULL,
    nickname varchar(40),
    born date,
    address shop.place,
    notes text COLLATE shop.plain,
    score numeric(10, 2) DEFAULT 1.5 NOT NULL,
    loud text GENERATED ALWAYS AS (upper(name)) STORED,
    since timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT score_is_positive CHECK (score > 0)
) WITH (fillfactor = 80);
ALTER TABLE shop.customers ALTER COLUMN notes SET STORAGE EXTERNAL, ALTER COLUMN name SET STATISTICS 500,
    ALTER COLUMN born SET (n_distinct = 100), ALTER COLUMN nickname SET COMPRESSION pglz;
COMMENT ON TABLE shop.customers IS 'Who buys; it''s ours.';
COMMENT ON COLUMN shop.customers.born IS 'Where it is known.';
CREATE INDEX customers_name ON shop.customers (lower(name)) WHERE born IS NOT NULL;
CREATE INDEX customers_born ON shop.customers USING btree (born DESC NULLS LAST) INCLUDE (name);
COMMENT ON INDEX shop.customers_born IS 'For birthdays.';
CREATE STATISTICS shop.name_and_born (dependencies) ON name, born FROM shop.customers;

CREATE TABLE shop.orders (
    id serial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES shop.customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    number bigint DEFAULT nextval('shop.numbers') NOT NULL,
    state shop.state DEFAULT 'new' NOT NULL,
    during tstzrange,
    price integer NOT NULL,
    CONSTRAINT one_at_a_time EXCLUDE USING gist (during WITH &&)
);
ALTER TABLE shop.orders ADD CONSTRAINT price_is_known CHECK (price >= 0) NOT VALID;
CREATE INDEX orders_state ON shop.orders (state);
ALTER TABLE shop.orders CLUSTER ON orders_state;
ALTER TABLE shop.orders REPLICA IDENTITY FULL;
CREATE UNLOGGED TABLE shop.scratch (line text);
CREATE TABLE shop.lines (order_id integer, place integer, what text, PRIMARY KEY (order_id, place));
ALTER TABLE shop.lines ADD CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES shop.orders;

CREATE TABLE shop.events (at timestamptz NOT NULL, id bigint NOT NULL, what text, PRIMARY KEY (id, at))
    PARTITION BY RANGE (at);
CREATE TABLE shop.events_2026 PARTITION OF shop.events
    FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2027-01-01 00:00:00+00');
CREATE TABLE shop.events_other PARTITION OF shop.events DEFAULT;
CREATE INDEX events_what ON shop.events (what);
CREATE TABLE shop.animals (name text NOT NULL CHECK (name <> ''));
CREATE TABLE shop.cats (lives integer) INHERITS (shop.animals);
CREATE TABLE "Odd Names"."The ""Table"" of A.B" ("The Column" integer PRIMARY KEY, "select" text);

CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.price := NEW.price; RETURN NEW; END $$;
CREATE FUNCTION shop.twice(n integer, by integer DEFAULT 2) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT n * by';
CREATE FUNCTION shop.guarded() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = shop, pg_temp
    AS $$ BEGIN RETURN 'a\b''c'; END $$;
CREATE FUNCTION shop.inlined(n integer) RETURNS integer LANGUAGE sql RETURN n + 1;
CREATE FUNCTION shop.of_customers(c shop.customers) RETURNS SETOF shop.orders LANGUAGE sql STABLE ROWS 7
    AS 'SELECT o FROM shop.orders o WHERE o.customer_id = c.id';
CREATE PROCEDURE shop.tidy(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CREATE AGGREGATE shop.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE FUNCTION shop.heard() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF price ON shop.orders FOR EACH ROW
    WHEN (NEW.price > 0) EXECUTE FUNCTION shop.touch();
CREATE TRIGGER seen AFTER INSERT ON shop.events FOR EACH ROW EXECUTE FUNCTION shop.touch();
CREATE EVENT TRIGGER shop_heard ON ddl_command_end WHEN TAG IN ('CREATE EXTENSION')
    EXECUTE FUNCTION shop.heard();
CREATE RULE quiet AS ON DELETE TO shop.scratch DO INSTEAD NOTHING;

CREATE VIEW shop.rich WITH (security_barrier) AS SELECT id, name, score FROM shop.customers WHERE score > 100;
CREATE VIEW shop.richest AS SELECT name FROM shop.rich WHERE score > 1000;
COMMENT ON VIEW shop.richest IS 'The few.';
COMMENT ON COLUMN shop.richest.name IS 'Their names.';
CREATE MATERIALIZED VIEW shop.totals AS SELECT customer_id, sum(price) AS total FROM shop.orders GROUP BY 1;
CREATE UNIQUE INDEX totals_customer ON shop.totals (customer_id);

CREATE OPERATOR shop.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = OPERATOR(shop.===));
CREATE FUNCTION shop.as_text(shop.place) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT ($1).street$$;
CREATE CAST (shop.place AS text) WITH FUNCTION shop.as_text(shop.place) AS ASSIGNMENT;
CREATE TEXT SEARCH DICTIONARY shop.words (TEMPLATE = pg_catalog.simple, accept = false);
CREATE TEXT SEARCH CONFIGURATION shop.search (COPY = pg_catalog.simple);
CREATE OPERATOR CLASS shop.by_value FOR TYPE integer USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE FOREIGN DATA WRAPPER elsewhere OPTIONS (deep 'yes');
CREATE SERVER branch FOREIGN DATA WRAPPER elsewhere OPTIONS (host 'branch');
CREATE FOREIGN TABLE shop.abroad (id integer OPTIONS (place '1'), name text) SERVER branch OPTIONS (file 'a');

ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.customers FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON shop.customers FOR UPDATE TO catalogue_reader USING (name = current_user)
    WITH CHECK (score < 1000);
CREATE POLICY strict ON shop.customers AS RESTRICTIVE USING (true);
GRANT USAGE ON SCHEMA shop TO catalogue_reader;
GRANT SELECT, UPDATE ON shop.customers TO catalogue_reader;
GRANT SELECT ON shop.orders TO catalogue_reader WITH GRANT OPTION;
GRANT UPDATE (price, state) ON shop.orders TO catalogue_reader;
GRANT USAGE ON SEQUENCE shop.numbers TO catalogue_reader;
REVOKE EXECUTE ON FUNCTION shop.guarded() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop.guarded() TO catalogue_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO catalogue_reader;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE PUBLICATION feed FOR TABLE shop.customers (id, name), shop.orders WHERE (price > 0)
    WITH (publish = 'insert, update');
COMMENT ON CONSTRAINT score_is_positive ON shop.customers IS 'Or out.';
COMMENT ON FUNCTION shop.twice(integer, integer) IS 'Doubles.';
COMMENT ON SCHEMA shop IS 'The shop.';
COMMENT ON TYPE shop.state IS 'How far it is.';
