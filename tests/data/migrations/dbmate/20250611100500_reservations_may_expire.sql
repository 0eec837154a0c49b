-- irreversible: PostgreSQL does not take a value out of an enum

-- migrate:up
ALTER TYPE reservation_state ADD VALUE IF NOT EXISTS 'expired' AFTER 'ready';

-- migrate:down
