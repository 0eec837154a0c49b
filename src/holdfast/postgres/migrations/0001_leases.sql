-- UP

CREATE TABLE holdfast.leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL DEFAULT 1,
    expires_at TIMESTAMPTZ NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
COMMENT ON TABLE holdfast.leases IS 'Who may do a thing that only one may do at a time, until when.';
COMMENT ON COLUMN holdfast.leases.fence IS 'Grows each time the lease goes to another holder.';

-- DOWN

DROP TABLE holdfast.leases;
