"""The locks that are told are those that a server takes: each statement is run, and pg_locks read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg
import pytest

from holdfast.migrate.lint.grammar import Reader
from holdfast.migrate.lint.locks import MODES, locks_of
from holdfast.migrate.splitting import SqlStatement, split
from tests.fixtures.servers import temporary_database

PREPARED = """
CREATE SCHEMA app;
CREATE TABLE app.users (id bigint PRIMARY KEY, name text);
CREATE TABLE app.orders (
    id bigint PRIMARY KEY, payer bigint, price numeric, note text, gone text,
    CONSTRAINT price CHECK (price > 0) NOT VALID, CONSTRAINT whole CHECK (id > 0)
);
CREATE INDEX orders_payer ON app.orders (payer);
CREATE UNIQUE INDEX orders_key ON app.orders (id);
CREATE FUNCTION app.see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER seen AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.see();
CREATE POLICY own ON app.orders USING (payer = 7);
CREATE VIEW app.recent AS SELECT id FROM app.orders;
CREATE MATERIALIZED VIEW app.totals AS SELECT id FROM app.orders;
CREATE UNIQUE INDEX ON app.totals (id);
CREATE TABLE app.log (at int) PARTITION BY RANGE (at);
CREATE TABLE app.log_1 PARTITION OF app.log FOR VALUES FROM (1) TO (2);
CREATE TABLE app.log_2 (at int);
CREATE SEQUENCE app.numbers;
"""
STATEMENTS = """
ALTER TABLE app.orders ADD COLUMN more text;
ALTER TABLE app.orders DROP COLUMN gone;
ALTER TABLE app.orders ALTER COLUMN note SET NOT NULL;
ALTER TABLE app.orders ALTER COLUMN note DROP NOT NULL;
ALTER TABLE app.orders ALTER COLUMN note SET DEFAULT '';
ALTER TABLE app.orders ALTER COLUMN note TYPE varchar;
ALTER TABLE app.orders ALTER COLUMN note SET STATISTICS 200;
ALTER TABLE app.orders ALTER COLUMN note SET STORAGE EXTERNAL;
ALTER TABLE app.orders ALTER COLUMN note SET (n_distinct = 5);
ALTER TABLE app.orders ADD CONSTRAINT c CHECK (price > 0) NOT VALID;
ALTER TABLE app.orders ADD CONSTRAINT f FOREIGN KEY (payer) REFERENCES app.users (id);
ALTER TABLE app.orders ADD CONSTRAINT f FOREIGN KEY (payer) REFERENCES app.users (id) NOT VALID;
ALTER TABLE app.orders ADD COLUMN user_id bigint REFERENCES app.users (id);
ALTER TABLE app.orders ADD CONSTRAINT k UNIQUE (note);
ALTER TABLE app.orders ADD CONSTRAINT k UNIQUE USING INDEX orders_key;
ALTER TABLE app.orders VALIDATE CONSTRAINT price;
ALTER TABLE app.orders DROP CONSTRAINT whole;
ALTER TABLE app.orders RENAME COLUMN note TO remark;
ALTER TABLE app.orders RENAME TO purchases;
ALTER TABLE app.orders SET (fillfactor = 70);
ALTER TABLE app.orders SET UNLOGGED;
ALTER TABLE app.orders CLUSTER ON orders_payer;
ALTER TABLE app.orders DISABLE TRIGGER seen;
ALTER TABLE app.orders DISABLE TRIGGER ALL;
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.orders REPLICA IDENTITY FULL;
ALTER TABLE app.orders OWNER TO CURRENT_USER;
ALTER TABLE app.orders SET SCHEMA public;
ALTER TABLE app.log ATTACH PARTITION app.log_2 FOR VALUES FROM (2) TO (3);
ALTER TABLE app.log DETACH PARTITION app.log_1;
CREATE TABLE app.log_3 PARTITION OF app.log FOR VALUES FROM (3) TO (4);
CREATE TABLE app.lines (id bigint PRIMARY KEY, item bigint REFERENCES app.orders (id));
CREATE TABLE app.child (more text) INHERITS (app.orders);
CREATE INDEX ON app.orders (note);
CREATE TRIGGER again AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.see();
CREATE RULE quiet AS ON DELETE TO app.orders DO INSTEAD NOTHING;
CREATE POLICY open ON app.orders USING (true);
ALTER POLICY own ON app.orders USING (payer = 8);
CREATE STATISTICS app.s ON id, payer FROM app.orders;
CREATE OR REPLACE VIEW app.recent AS SELECT id FROM app.orders WHERE id > 1;
DROP POLICY own ON app.orders;
DROP TRIGGER seen ON app.orders;
DROP INDEX app.orders_payer;
DROP VIEW app.recent;
DROP TABLE app.users;
DROP MATERIALIZED VIEW app.totals;
TRUNCATE app.users;
LOCK TABLE app.users IN SHARE MODE;
LOCK TABLE app.users;
CLUSTER app.orders USING orders_payer;
REINDEX TABLE app.orders;
REINDEX INDEX app.orders_payer;
REFRESH MATERIALIZED VIEW app.totals;
REFRESH MATERIALIZED VIEW CONCURRENTLY app.totals;
INSERT INTO app.users (id) VALUES (1);
UPDATE app.users SET name = 'x';
DELETE FROM app.users WHERE id = 1;
SELECT id FROM app.users;
SELECT id FROM app.users FOR UPDATE;
COMMENT ON TABLE app.users IS 'x';
COMMENT ON COLUMN app.users.name IS 'x';
ALTER SEQUENCE app.numbers RESTART;
DROP SEQUENCE app.numbers;
"""
# What keeps nobody from reading, writing or building an index is not told of every relation.
_WEAK = {"ACCESS SHARE", "ROW SHARE"}
_KNOWN = """
    SELECT oid::bigint, oid::regclass::text FROM pg_class
     WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
"""
_TAKEN = """
    SELECT relation::bigint, mode FROM pg_locks
     WHERE pid = pg_backend_pid() AND locktype = 'relation'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_MODES = {mode.title().replace(" ", "") + "Lock": mode for mode in MODES}


@pytest.fixture(scope="module")
def prepared(server: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with something to lock."""
    with temporary_database(server) as conninfo, psycopg.connect(conninfo) as connection:
        connection.execute(PREPARED)
        connection.commit()
        yield connection


def strongest(taken: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return each relation's strongest mode, without those that keep nobody waiting."""
    found: dict[str, str] = {}
    for relation, mode in taken:
        if mode not in _WEAK:
            found[relation] = max(mode, found.get(relation, mode), key=MODES.index)
    return found


@pytest.mark.parametrize("statement", split(STATEMENTS), ids=lambda statement: statement.text[:60])
def test_locks_are_those_that_the_server_takes(statement: SqlStatement, prepared: psycopg.Connection) -> None:
    known: dict[int, str] = dict(prepared.execute(_KNOWN).fetchall())
    prepared.rollback()
    try:
        prepared.execute(statement.text)
        rows = prepared.execute(_TAKEN).fetchall()
    finally:
        prepared.rollback()
    taken = strongest((known[relation], _MODES[mode]) for relation, mode in rows if relation in known)
    parsed = next(iter(Reader().read([statement])))
    locks = locks_of(parsed, indexes={"app.orders_payer": "app.orders"})
    told = strongest((lock.relation, lock.mode) for lock in locks if lock.relation in known.values())
    assert told == taken
