-- name: exists
-- Tells whether the tables of the history stand, and whether they are as this version makes them.
SELECT to_regclass('holdfast.migrations') IS NOT NULL
   AND to_regclass('holdfast.migration_steps') IS NOT NULL
   AND to_regclass('holdfast.migration_lock') IS NOT NULL
    AS complete,
       EXISTS (
           SELECT FROM pg_catalog.pg_constraint
           WHERE conrelid = to_regclass('holdfast.migrations') AND conname = 'migrations_outcome_check'
             AND pg_get_constraintdef(oid) LIKE '%%adopted%%'
       ) AND EXISTS (
           SELECT FROM pg_catalog.pg_attribute
           WHERE attrelid = to_regclass('holdfast.migrations') AND attname = 'depends'
       ) AS current;

-- name: create
-- Makes the schema holdfast and the history's own tables; running it again changes nothing.
-- cannot-prepare: several statements, DDL
CREATE SCHEMA IF NOT EXISTS holdfast;
CREATE TABLE IF NOT EXISTS holdfast.migrations (
    system TEXT NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    duration_ms BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('applied', 'adopted', 'applying', 'undoing')),
    version TEXT NOT NULL,
    actor TEXT NOT NULL,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    depends TEXT[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (system, number)
);
COMMENT ON TABLE holdfast.migrations IS
    'Which migrations the database holds. A row commits together with what its file does.';
COMMENT ON COLUMN holdfast.migrations.checksum IS 'SHA-256 (hex) of the file as it was applied.';
COMMENT ON COLUMN holdfast.migrations.outcome IS
    'applied; adopted: by another tool, taken over; applying, undoing: under way, or was cut off.';
COMMENT ON COLUMN holdfast.migrations.version IS 'Holdfast''s version that applied it.';
COMMENT ON COLUMN holdfast.migrations.actor IS 'Who applied it: database role, account and host.';
COMMENT ON COLUMN holdfast.migrations.position IS 'The order in which they were applied, across systems.';
COMMENT ON COLUMN holdfast.migrations.depends IS
    'Which migrations it says that it was built on, as system/NNNN: they stay for as long as it does.';
CREATE TABLE IF NOT EXISTS holdfast.migration_steps (
    system TEXT NOT NULL,
    number BIGINT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('up', 'down')),
    step INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    finished_at TIMESTAMPTZ,
    PRIMARY KEY (system, number, direction, step),
    FOREIGN KEY (system, number) REFERENCES holdfast.migrations ON DELETE CASCADE
);
COMMENT ON TABLE holdfast.migration_steps IS
    'Statements of the files without a transaction that are under way; removed when the file is through.';
CREATE TABLE IF NOT EXISTS holdfast.migration_lock (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    holder TEXT,
    doing TEXT,
    lease_until TIMESTAMPTZ,
    CHECK ((holder IS NULL) = (lease_until IS NULL))
);
COMMENT ON TABLE holdfast.migration_lock IS
    'Whose turn it is to migrate: the row''s lock for a transaction, its lease for longer work.';
INSERT INTO holdfast.migration_lock DEFAULT VALUES ON CONFLICT DO NOTHING;

-- name: renew_tables
-- Brings the tables of an earlier version to what create makes; its transaction has the turn.
-- cannot-prepare: several statements, DDL
ALTER TABLE holdfast.migrations
    DROP CONSTRAINT IF EXISTS migrations_outcome_check,
    ALTER COLUMN number TYPE BIGINT,
    ADD COLUMN IF NOT EXISTS depends TEXT[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT migrations_outcome_check
        CHECK (outcome IN ('applied', 'adopted', 'applying', 'undoing'));
ALTER TABLE holdfast.migration_steps ALTER COLUMN number TYPE BIGINT;
COMMENT ON COLUMN holdfast.migrations.outcome IS
    'applied; adopted: by another tool, taken over; applying, undoing: under way, or was cut off.';
COMMENT ON COLUMN holdfast.migrations.depends IS
    'Which migrations it says that it was built on, as system/NNNN: they stay for as long as it does.';

-- name: lock_to_renew
-- Takes the turn for this transaction where nobody has it; the history's tables are then nobody's.
SELECT only_row FROM holdfast.migration_lock
WHERE holder IS NULL OR lease_until < clock_timestamp()
FOR UPDATE SKIP LOCKED;

-- name: limit_renewal
-- Lets a transaction wait for a lock only briefly, and others behind it.
SELECT set_config('lock_timeout', '2s', true);

-- name: applied
-- Every migration that the database holds, in the order of application; tables of an earlier version lack depends.
SELECT system, number, name, checksum, applied_at, duration_ms, outcome, version, actor, position,
       ARRAY(SELECT jsonb_array_elements_text(to_jsonb(migration) -> 'depends')) AS depends
FROM holdfast.migrations AS migration
ORDER BY position;

-- name: mark
-- A mark that changes whenever a migration is begun, applied or undone.
SELECT count(*) AS count, coalesce(max(position), 0) AS newest,
       count(*) FILTER (WHERE outcome NOT IN ('applied', 'adopted')) AS unfinished
FROM holdfast.migrations;

-- name: unchanged
-- Fails with a division by zero where the history's mark has become another one.
SELECT 1 / (
    count(*) = %(count)s AND coalesce(max(position), 0) = %(newest)s
    AND count(*) FILTER (WHERE outcome NOT IN ('applied', 'adopted')) = %(unfinished)s
)::INTEGER
FROM holdfast.migrations;

-- name: record
-- Writes a migration's row; it commits with what the migration does, which took from the transaction's start.
INSERT INTO holdfast.migrations (system, number, name, checksum, duration_ms, outcome, version, actor, depends)
VALUES (%(system)s, %(number)s, %(name)s, %(checksum)s,
        (date_part('epoch', clock_timestamp() - transaction_timestamp()) * 1000)::BIGINT,
        'applied', %(version)s, current_user || ' ' || %(actor)s, string_to_array(%(depends)s, ' '))
RETURNING position, duration_ms;

-- name: begin_steps
-- Says that a file without a transaction is under way; a row of an earlier attempt is taken up.
INSERT INTO holdfast.migrations (system, number, name, checksum, duration_ms, outcome, version, actor, depends)
VALUES (%(system)s, %(number)s, %(name)s, %(checksum)s, 0, %(outcome)s, %(version)s,
        current_user || ' ' || %(actor)s, string_to_array(%(depends)s, ' '))
ON CONFLICT (system, number) DO UPDATE
SET outcome = EXCLUDED.outcome, checksum = EXCLUDED.checksum, depends = EXCLUDED.depends;

-- name: end_steps
-- Says that a file without a transaction is through.
UPDATE holdfast.migrations
SET outcome = 'applied', applied_at = clock_timestamp(), duration_ms = %(duration_ms)s
WHERE system = %(system)s AND number = %(number)s;

-- name: forget_steps
-- Removes the notes on single statements once the file is through.
DELETE FROM holdfast.migration_steps WHERE system = %(system)s AND number = %(number)s;

-- name: forget_step
-- Takes back that a statement begins: the server refused it.
DELETE FROM holdfast.migration_steps
WHERE system = %(system)s AND number = %(number)s AND direction = %(direction)s AND step = %(step)s
  AND finished_at IS NULL;

-- name: steps
-- What an earlier attempt did of a file without a transaction.
SELECT step, checksum, finished_at IS NOT NULL AS finished
FROM holdfast.migration_steps
WHERE system = %(system)s AND number = %(number)s AND direction = %(direction)s
ORDER BY step;

-- name: start_step
-- Notes that a statement is about to run on its own.
INSERT INTO holdfast.migration_steps (system, number, direction, step, checksum)
VALUES (%(system)s, %(number)s, %(direction)s, %(step)s, %(checksum)s)
ON CONFLICT (system, number, direction, step) DO UPDATE
SET checksum = EXCLUDED.checksum, started_at = clock_timestamp();

-- name: finish_step
-- Notes that a statement is done; in the same transaction where it can run in one.
INSERT INTO holdfast.migration_steps (system, number, direction, step, checksum, finished_at)
VALUES (%(system)s, %(number)s, %(direction)s, %(step)s, %(checksum)s, clock_timestamp())
ON CONFLICT (system, number, direction, step) DO UPDATE
SET checksum = EXCLUDED.checksum, finished_at = EXCLUDED.finished_at;

-- name: remove
-- Takes a migration that was undone out of the history.
DELETE FROM holdfast.migrations WHERE system = %(system)s AND number = %(number)s;

-- name: accept
-- Takes the file as it stands now for what was applied.
UPDATE holdfast.migrations SET checksum = %(checksum)s
WHERE system = %(system)s AND number = %(number)s AND outcome IN ('applied', 'adopted')
RETURNING number;
