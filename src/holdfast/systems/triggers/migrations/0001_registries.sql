-- UP

CREATE SCHEMA IF NOT EXISTS triggers;

-- The seed's function, used by every table here that has updated_at.
CREATE FUNCTION triggers.update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END;
$$;

CREATE TABLE triggers.registries (
    chain_id BIGINT NOT NULL CHECK (chain_id > 0),
    address TEXT NOT NULL CHECK (address ~ '^0x[0-9a-f]{40}$'),
    registry TEXT NOT NULL CHECK (registry IN ('identity', 'reputation', 'validation')),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, address)
);
COMMENT ON TABLE triggers.registries IS 'The ERC-8004 registry contracts whose logs become events, per chain.';

-- DOWN

DROP TABLE triggers.registries;
DROP FUNCTION triggers.update_updated_at_column();
DROP SCHEMA triggers;
