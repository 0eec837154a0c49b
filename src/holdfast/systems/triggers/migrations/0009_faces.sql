-- UP

-- The seed's tables that are the platform's: seen here, written there.
CREATE VIEW triggers.users AS
    SELECT id, username, email, '********'::TEXT AS password_hash, created_at, updated_at, last_login_at,
           is_active
        FROM holdfast.users;
COMMENT ON VIEW triggers.users IS 'Users of the platform; the hash of the password is masked.';

CREATE VIEW triggers.checkpoints AS
    SELECT chain_id, last_block_number, last_block_hash, updated_at
        FROM holdfast.checkpoints
        WHERE subscription = 'triggers' AND last_block_number >= 0;
COMMENT ON VIEW triggers.checkpoints IS 'How far the registries of each chain have been read.';

-- DOWN

DROP VIEW triggers.checkpoints;
DROP VIEW triggers.users;
