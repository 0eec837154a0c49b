-- migrate:up
ALTER TABLE members ADD CONSTRAINT members_email_plausible CHECK (email LIKE '%_@_%') NOT VALID;

-- migrate:down
ALTER TABLE members DROP CONSTRAINT members_email_plausible;
