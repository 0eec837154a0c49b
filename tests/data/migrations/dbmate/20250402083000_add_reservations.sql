-- migrate:up
CREATE TYPE reservation_state AS ENUM ('waiting', 'ready', 'fetched', 'cancelled');
CREATE TABLE reservations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    isbn CHAR(13) NOT NULL REFERENCES books ON UPDATE CASCADE,
    member_id BIGINT NOT NULL REFERENCES members,
    state reservation_state NOT NULL DEFAULT 'waiting',
    made_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX reservations_once ON reservations (isbn, member_id) WHERE state IN ('waiting', 'ready');
CREATE INDEX reservations_member ON reservations (member_id);

-- migrate:down
DROP TABLE reservations;
DROP TYPE reservation_state;
