-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY loans_due ON loans (due_on) WHERE returned_at IS NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY loans_due;
