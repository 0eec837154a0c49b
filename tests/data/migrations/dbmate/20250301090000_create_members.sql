-- migrate:up
CREATE TABLE members (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_number TEXT NOT NULL UNIQUE,
    full_name TEXT NOT NULL CHECK (full_name <> ''),
    email TEXT,
    joined_on DATE NOT NULL DEFAULT current_date,
    closed_at TIMESTAMPTZ
);
COMMENT ON TABLE members IS 'Who may borrow. A closed membership stays, for its loans.';
CREATE UNIQUE INDEX members_email_key ON members (lower(email)) WHERE closed_at IS NULL;

-- migrate:down
DROP TABLE members;
