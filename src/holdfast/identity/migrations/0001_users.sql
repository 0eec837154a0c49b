-- UP

-- A user's id is text, since what users make refers to it by the seeds' TEXT columns.
CREATE TABLE holdfast.users (
    id TEXT PRIMARY KEY DEFAULT gen_random_uuid()::TEXT,
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_login_at TIMESTAMPTZ,
    is_active BOOLEAN NOT NULL DEFAULT true,
    is_administrator BOOLEAN NOT NULL DEFAULT false,
    -- Nobody can take a name that reads as another's e-mail address: either signs in.
    CONSTRAINT users_username_form CHECK (username ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    CONSTRAINT users_email_form CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 254)
);

COMMENT ON TABLE holdfast.users IS 'Who signs in.';
COMMENT ON COLUMN holdfast.users.password_hash IS 'argon2id, in its own encoded form with parameters and salt.';

-- Names and addresses that differ by case only are the same: nobody passes for another.
CREATE UNIQUE INDEX users_username_key_folded ON holdfast.users (lower(username));
CREATE UNIQUE INDEX users_email_key_folded ON holdfast.users (lower(email));

CREATE FUNCTION holdfast.set_updated_at() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated_at = pg_catalog.now();
    RETURN NEW;
END;
$$;

CREATE TRIGGER update_users_updated_at
    BEFORE UPDATE ON holdfast.users
    FOR EACH ROW EXECUTE FUNCTION holdfast.set_updated_at();

-- DOWN

DROP TABLE holdfast.users;
DROP FUNCTION holdfast.set_updated_at();
