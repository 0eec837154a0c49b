"""Deliberate changes to ``shop.sql``: tables, columns, constraints, indexes and partitions."""

from __future__ import annotations

from tests.migrate.catalogue.change import Change

CHANGES = {
    # tables
    "table dropped": Change("DROP TABLE shop.lines", ("missing: table shop.lines",)),
    "table with everything dropped": Change(
        "DROP TABLE shop.customers CASCADE",
        (
            "missing: constraint orders_customer_id_fkey on shop.orders",
            "missing: function shop.of_customers(shop.customers)",
            "different: publication feed (tables)",
            "missing: table shop.customers",
            "missing: view shop.rich",
            "missing: view shop.richest",
        ),
    ),
    "table with a serial dropped": Change(
        "DROP TABLE shop.orders CASCADE",
        (
            "missing: constraint lines_order on shop.lines",
            "missing: function shop.of_customers(shop.customers)",
            "missing: materialized view shop.totals",
            "different: publication feed (tables)",
            "missing: table shop.orders",
        ),
    ),
    "table added": Change(
        ("CREATE TABLE shop.extra (id serial PRIMARY KEY, t text); CREATE INDEX ON shop.extra (t)"),
        ("unexpected: table shop.extra",),
    ),
    "table renamed": Change(
        "ALTER TABLE shop.scratch RENAME TO scratched",
        (
            "missing: table shop.scratch",
            "unexpected: table shop.scratched",
        ),
    ),
    "table logged": Change(
        "ALTER TABLE shop.scratch SET LOGGED", ("different: table shop.scratch (unlogged)",)
    ),
    "table unlogged": Change(
        "DROP PUBLICATION feed; ALTER TABLE shop.lines SET UNLOGGED",
        (
            "missing: publication feed",
            "different: table shop.lines (unlogged)",
        ),
    ),
    "storage parameters": Change(
        "ALTER TABLE shop.customers SET (fillfactor = 70, autovacuum_enabled = false)",
        ("different: table shop.customers (options)",),
    ),
    "storage parameters reset": Change(
        "ALTER TABLE shop.customers RESET (fillfactor)", ("different: table shop.customers (options)",)
    ),
    "toast parameters": Change(
        "ALTER TABLE shop.customers SET (toast.autovacuum_enabled = false)",
        ("different: table shop.customers (options)",),
    ),
    "replica identity": Change(
        "ALTER TABLE shop.orders REPLICA IDENTITY DEFAULT",
        ("different: table shop.orders (replica_identity)",),
    ),
    "replica identity by index": Change(
        "ALTER TABLE shop.orders REPLICA IDENTITY USING INDEX orders_pkey",
        ("different: table shop.orders (replica_identity)",),
    ),
    "row security off": Change(
        "ALTER TABLE shop.customers DISABLE ROW LEVEL SECURITY",
        ("different: table shop.customers (row_security)",),
    ),
    "row security on": Change(
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY", ("different: table shop.orders (row_security)",)
    ),
    "row security not forced": Change(
        "ALTER TABLE shop.customers NO FORCE ROW LEVEL SECURITY",
        ("different: table shop.customers (force_row_security)",),
    ),
    "odd names": Change(
        'DROP TABLE "Odd Names"."The ""Table"" of A.B"',
        ('missing: table "Odd Names"."The ""Table"" of A.B"',),
    ),
    "odd column": Change(
        'ALTER TABLE "Odd Names"."The ""Table"" of A.B" DROP COLUMN "select"',
        ('missing: column "Odd Names"."The ""Table"" of A.B"."select"',),
    ),
    # columns
    "column dropped": Change(
        "ALTER TABLE shop.customers DROP COLUMN since", ("missing: column shop.customers.since",)
    ),
    "column dropped in the middle": Change(
        "ALTER TABLE shop.customers DROP COLUMN born CASCADE",
        (
            "missing: column shop.customers.born",
            "missing: index shop.customers_born",
            "missing: index shop.customers_name",
            "missing: statistics shop.name_and_born",
        ),
        is_a_persons=True,
    ),
    "column added": Change(
        "ALTER TABLE shop.orders ADD COLUMN colour text DEFAULT 'red'",
        ("unexpected: column shop.orders.colour",),
    ),
    "column renamed": Change(
        "ALTER TABLE shop.orders RENAME COLUMN price TO cost",
        (
            "unexpected: column shop.orders.cost",
            "missing: column shop.orders.price",
            "different: constraint price_is_known on shop.orders (definition)",
            "different: materialized view shop.totals (definition)",
            "different: publication feed (tables)",
            "different: trigger touched on shop.orders (definition)",
        ),
        is_a_persons=True,
    ),
    "columns in another order": Change(
        (
            "DROP TABLE shop.scratch; CREATE UNLOGGED TABLE shop.scratch (a text, line "
            "text);CREATE RULE quiet AS ON DELETE TO shop.scratch DO INSTEAD NOTHING;ALTER TABLE "
            "shop.lines DROP COLUMN what; ALTER TABLE shop.lines DROP COLUMN place;ALTER TABLE "
            "shop.lines ADD what text, ADD place integer, ADD PRIMARY KEY (order_id, place)"
        ),
        (
            "unexpected: column shop.scratch.a",
            "unexpected: grants table shop.scratch",
            "different: table shop.lines (columns)",
        ),
        is_a_persons=True,
    ),
    "type": Change(
        "ALTER TABLE shop.lines ALTER COLUMN what TYPE varchar(10)",
        ("different: column shop.lines.what (type)",),
    ),
    "length": Change(
        "ALTER TABLE shop.customers ALTER COLUMN nickname TYPE varchar(60)",
        ("different: column shop.customers.nickname (compression, type)",),
    ),
    "type with a default": Change(
        "ALTER TABLE shop.orders ALTER COLUMN number TYPE numeric",
        ("different: column shop.orders.number (type)",),
    ),
    "collation": Change(
        'ALTER TABLE shop.customers ALTER COLUMN notes TYPE text COLLATE "C"',
        ("different: column shop.customers.notes (collation, storage)",),
    ),
    "not null dropped": Change(
        "ALTER TABLE shop.orders ALTER COLUMN price DROP NOT NULL",
        ("different: column shop.orders.price (not_null, not_null_constraint)",),
    ),
    "not null set": Change(
        "ALTER TABLE shop.lines ALTER COLUMN what SET NOT NULL",
        ("different: column shop.lines.what (not_null, not_null_constraint)",),
    ),
    "not null renamed": Change(
        "ALTER TABLE shop.orders RENAME CONSTRAINT orders_price_not_null TO price_given",
        ("different: column shop.orders.price (not_null_constraint)",),
        newest_only=True,
    ),
    "not null not valid": Change(
        (
            "ALTER TABLE shop.orders ALTER COLUMN price DROP NOT NULL;ALTER TABLE shop.orders ADD"
            " CONSTRAINT orders_price_not_null NOT NULL price NOT VALID"
        ),
        ("different: column shop.orders.price (not_null_constraint)",),
        newest_only=True,
    ),
    "default changed": Change(
        "ALTER TABLE shop.customers ALTER COLUMN score SET DEFAULT 2",
        ("different: column shop.customers.score (default)",),
    ),
    "default dropped": Change(
        "ALTER TABLE shop.customers ALTER COLUMN since DROP DEFAULT",
        ("different: column shop.customers.since (default)",),
    ),
    "default added": Change(
        "ALTER TABLE shop.lines ALTER COLUMN what SET DEFAULT 'thing'",
        ("different: column shop.lines.what (default)",),
    ),
    "generated dropped": Change(
        "ALTER TABLE shop.customers ALTER COLUMN loud DROP EXPRESSION",
        ("different: column shop.customers.loud (generated, generated_kind)",),
        is_a_persons=True,
    ),
    "generated changed": Change(
        "ALTER TABLE shop.customers ALTER COLUMN loud SET EXPRESSION AS (lower(name))",
        ("different: column shop.customers.loud (generated)",),
        newest_only=True,
    ),
    "identity dropped": Change(
        "ALTER TABLE shop.customers ALTER COLUMN id DROP IDENTITY",
        (
            "different: column shop.customers.id (identity)",
            "missing: sequence shop.customers_id_seq",
        ),
    ),
    "identity by default": Change(
        "ALTER TABLE shop.customers ALTER COLUMN id SET GENERATED BY DEFAULT",
        ("different: column shop.customers.id (identity)",),
    ),
    "identity added": Change(
        "ALTER TABLE shop.lines ALTER COLUMN place ADD GENERATED ALWAYS AS IDENTITY",
        (
            "different: column shop.lines.place (identity)",
            "unexpected: sequence shop.lines_place_seq",
        ),
    ),
    "identity's parameters": Change(
        "ALTER TABLE shop.customers ALTER COLUMN id SET INCREMENT BY 10",
        ("different: sequence shop.customers_id_seq (increment)",),
    ),
    "storage": Change(
        "ALTER TABLE shop.customers ALTER COLUMN notes SET STORAGE EXTENDED",
        ("different: column shop.customers.notes (storage)",),
    ),
    "storage from usual": Change(
        "ALTER TABLE shop.customers ALTER COLUMN score SET STORAGE EXTERNAL",
        ("different: column shop.customers.score (storage)",),
    ),
    "compression": Change(
        "ALTER TABLE shop.customers ALTER COLUMN nickname SET COMPRESSION default",
        ("different: column shop.customers.nickname (compression)",),
    ),
    "statistics target": Change(
        "ALTER TABLE shop.customers ALTER COLUMN name SET STATISTICS -1",
        ("different: column shop.customers.name (statistics)",),
    ),
    "column's options": Change(
        "ALTER TABLE shop.customers ALTER COLUMN born SET (n_distinct = -0.5)",
        ("different: column shop.customers.born (options)",),
    ),
    # constraints
    "check dropped": Change(
        "ALTER TABLE shop.customers DROP CONSTRAINT score_is_positive",
        ("missing: constraint score_is_positive on shop.customers",),
    ),
    "check changed": Change(
        (
            "ALTER TABLE shop.customers DROP CONSTRAINT score_is_positive;ALTER TABLE "
            "shop.customers ADD CONSTRAINT score_is_positive CHECK (score > 1)"
        ),
        (
            "missing: comment table constraint score_is_positive on shop.customers",
            "different: constraint score_is_positive on shop.customers (definition)",
        ),
    ),
    "check validated": Change(
        "ALTER TABLE shop.orders VALIDATE CONSTRAINT price_is_known",
        ("different: constraint price_is_known on shop.orders (not_valid)",),
    ),
    "check not valid": Change(
        (
            "ALTER TABLE shop.orders DROP CONSTRAINT price_is_known;ALTER TABLE shop.orders ADD "
            "CONSTRAINT price_is_known CHECK (price >= 0)"
        ),
        ("different: constraint price_is_known on shop.orders (not_valid)",),
    ),
    "check added": Change(
        ("ALTER TABLE shop.lines ADD CONSTRAINT what_is_long CHECK (length(what) > 3) NOT VALID"),
        ("unexpected: constraint what_is_long on shop.lines",),
    ),
    "foreign key dropped": Change(
        "ALTER TABLE shop.lines DROP CONSTRAINT lines_order",
        ("missing: constraint lines_order on shop.lines",),
    ),
    "foreign key's action": Change(
        (
            "ALTER TABLE shop.lines DROP CONSTRAINT lines_order;ALTER TABLE shop.lines ADD "
            "CONSTRAINT lines_order FOREIGN KEY (order_id) REFERENCES shop.orders ON DELETE "
            "CASCADE"
        ),
        ("different: constraint lines_order on shop.lines (definition)",),
    ),
    "foreign key deferrable": Change(
        "ALTER TABLE shop.lines ALTER CONSTRAINT lines_order DEFERRABLE",
        ("different: constraint lines_order on shop.lines (deferrable)",),
    ),
    "foreign key not deferrable": Change(
        "ALTER TABLE shop.orders ALTER CONSTRAINT orders_customer_id_fkey NOT DEFERRABLE",
        ("different: constraint orders_customer_id_fkey on shop.orders (deferrable)",),
    ),
    "foreign key not enforced": Change(
        "ALTER TABLE shop.lines ALTER CONSTRAINT lines_order NOT ENFORCED",
        ("different: constraint lines_order on shop.lines (not_enforced, not_valid)",),
        newest_only=True,
    ),
    "unique dropped": Change(
        "ALTER TABLE shop.customers DROP CONSTRAINT customers_email_key",
        ("missing: constraint customers_email_key on shop.customers",),
    ),
    "primary key dropped": Change(
        "ALTER TABLE shop.lines DROP CONSTRAINT lines_pkey", ("missing: constraint lines_pkey on shop.lines",)
    ),
    "exclusion dropped": Change(
        "ALTER TABLE shop.orders DROP CONSTRAINT one_at_a_time",
        ("missing: constraint one_at_a_time on shop.orders",),
    ),
    "constraint renamed": Change(
        "ALTER TABLE shop.lines RENAME CONSTRAINT lines_order TO lines_of_order",
        (
            "unexpected: constraint lines_of_order on shop.lines",
            "missing: constraint lines_order on shop.lines",
        ),
    ),
    "constraint's index options": Change(
        "ALTER INDEX shop.lines_pkey SET (fillfactor = 50)",
        ("different: constraint lines_pkey on shop.lines (options)",),
    ),
    "clustered on a key": Change(
        "ALTER TABLE shop.lines CLUSTER ON lines_pkey",
        ("different: constraint lines_pkey on shop.lines (clustered)",),
    ),
    # indexes
    "index dropped": Change("DROP INDEX shop.customers_born", ("missing: index shop.customers_born",)),
    "index added": Change(
        "CREATE INDEX ON shop.orders (price)", ("unexpected: index shop.orders_price_idx",)
    ),
    "index's predicate": Change(
        ("DROP INDEX shop.customers_name; CREATE INDEX customers_name ON shop.customers (lower(name))"),
        ("different: index shop.customers_name (definition)",),
    ),
    "index unique": Change(
        ("DROP INDEX shop.orders_state; CREATE UNIQUE INDEX orders_state ON shop.orders (state)"),
        ("different: index shop.orders_state (clustered, definition)",),
    ),
    "index renamed": Change(
        "ALTER INDEX shop.customers_born RENAME TO customers_born_idx",
        (
            "missing: index shop.customers_born",
            "unexpected: index shop.customers_born_idx",
        ),
    ),
    "index invalid": Change(
        ("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.customers_born'::regclass"),
        ("different: index shop.customers_born (invalid)",),
    ),
    "index's options": Change(
        "ALTER INDEX shop.customers_born SET (fillfactor = 50)",
        ("different: index shop.customers_born (definition)",),
    ),
    "index's statistics": Change(
        "ALTER INDEX shop.customers_name ALTER COLUMN 1 SET STATISTICS 100",
        ("different: index shop.customers_name (statistics)",),
    ),
    "not clustered": Change(
        "ALTER TABLE shop.orders SET WITHOUT CLUSTER", ("different: index shop.orders_state (clustered)",)
    ),
    "index of a partitioned table dropped": Change(
        "DROP INDEX shop.events_what", ("missing: index shop.events_what",)
    ),
    # partitions, inheritance
    "partition detached": Change(
        "ALTER TABLE shop.events DETACH PARTITION shop.events_2026",
        (
            "different: column shop.events_2026.at (inherited)",
            "different: column shop.events_2026.id (inherited)",
            "different: column shop.events_2026.what (inherited)",
            "unexpected: constraint events_2026_pkey on shop.events_2026",
            "different: index shop.events_2026_what_idx (partition_of)",
            "different: table shop.events_2026 (inherits, partition_bound)",
            "missing: trigger seen on shop.events_2026",
        ),
    ),
    "partition dropped": Change("DROP TABLE shop.events_2026", ("missing: table shop.events_2026",)),
    "partition added": Change(
        (
            "CREATE TABLE shop.events_2027 PARTITION OF shop.events FOR VALUES FROM "
            "('2027-01-01') TO ('2028-01-01')"
        ),
        ("unexpected: table shop.events_2027",),
    ),
    "partition's bounds": Change(
        (
            "DROP TABLE shop.events_2026; CREATE TABLE shop.events_2026 PARTITION OF shop.events "
            "FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')"
        ),
        (
            "unexpected: grants table shop.events_2026",
            "different: table shop.events_2026 (partition_bound)",
        ),
    ),
    "partition's own default": Change(
        "ALTER TABLE shop.events_2026 ALTER COLUMN what SET DEFAULT 'x'",
        ("different: column shop.events_2026.what (default)",),
    ),
    "partitioned table dropped": Change(
        "DROP TABLE shop.events",
        (
            "missing: table shop.events",
            "missing: table shop.events_2026",
            "missing: table shop.events_other",
        ),
    ),
    "inheritance ended": Change(
        "ALTER TABLE shop.cats NO INHERIT shop.animals",
        (
            "different: column shop.cats.name (inherited)",
            "unexpected: constraint animals_name_check on shop.cats",
            "different: table shop.cats (inherits)",
        ),
    ),
    # what others stand on
    "type under views, a policy and a trigger": Change(
        "DROP VIEW shop.richest, shop.rich; DROP POLICY own ON shop.customers;"
        "DROP TRIGGER touched ON shop.orders; DROP MATERIALIZED VIEW shop.totals;"
        "ALTER PUBLICATION feed DROP TABLE shop.orders;"
        "ALTER TABLE shop.customers ALTER COLUMN score TYPE numeric(12, 3);"
        "ALTER TABLE shop.orders ALTER COLUMN price TYPE bigint;"
        "ALTER PUBLICATION feed ADD TABLE shop.orders;"
        "CREATE POLICY own ON shop.customers FOR UPDATE TO catalogue_reader USING (name = current_user)"
        " WITH CHECK (score < 1000);"
        "CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF price ON shop.orders FOR EACH ROW"
        " WHEN (NEW.price > 0) EXECUTE FUNCTION shop.touch();"
        "CREATE VIEW shop.rich WITH (security_barrier) AS"
        " SELECT id, name, score FROM shop.customers WHERE score > 100;"
        "CREATE VIEW shop.richest AS SELECT name FROM shop.rich WHERE score > 1000;"
        "COMMENT ON VIEW shop.richest IS 'The few.'; COMMENT ON COLUMN shop.richest.name IS 'Their names.';"
        "CREATE MATERIALIZED VIEW shop.totals AS"
        " SELECT customer_id, sum(price) AS total FROM shop.orders GROUP BY 1;"
        "CREATE UNIQUE INDEX totals_customer ON shop.totals (customer_id);"
        "REVOKE SELECT ON shop.rich, shop.richest, shop.totals FROM catalogue_reader",
        (),
    ),
    "tables added whose keys form a circle": Change(
        "CREATE TABLE shop.hens (id int PRIMARY KEY, egg int);"
        "CREATE TABLE shop.eggs (id int PRIMARY KEY, hen int);"
        "ALTER TABLE shop.hens ADD FOREIGN KEY (egg) REFERENCES shop.eggs;"
        "ALTER TABLE shop.eggs ADD FOREIGN KEY (hen) REFERENCES shop.hens",
        ("unexpected: table shop.eggs", "unexpected: table shop.hens"),
    ),
}
