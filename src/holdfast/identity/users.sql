-- name: begin_making
-- Makes who creates a user wait for who does so already, until the transaction ends: only one is first.
SELECT pg_advisory_xact_lock(hashtextextended('holdfast.users', 0));

-- name: insert
-- Makes a user; whoever is the first of all is an administrator.
INSERT INTO holdfast.users (username, email, password_hash, is_administrator)
VALUES (
    %(username)s, %(email)s, %(password_hash)s,
    %(is_administrator)s OR NOT EXISTS (SELECT FROM holdfast.users)
)
RETURNING id, username, email, created_at, updated_at, last_login_at, is_active, is_administrator;

-- name: taken
-- Tells which of a name and an address belongs to somebody already.
SELECT
    EXISTS (SELECT FROM holdfast.users WHERE lower(username) = lower(%(username)s)) AS username,
    EXISTS (SELECT FROM holdfast.users WHERE lower(email) = lower(%(email)s)) AS email;

-- name: list
-- Lists all users, the oldest first.
SELECT id, username, email, created_at, updated_at, last_login_at, is_active, is_administrator
FROM holdfast.users
ORDER BY created_at, id;

-- name: find_for_sign_in
-- Finds who signs in, by name or by address.
SELECT id, username, password_hash, is_active
FROM holdfast.users
WHERE lower(username) = lower(%(name)s) OR lower(email) = lower(%(name)s);

-- name: note_sign_in
-- Notes when a user signed in with the password of that hash, and stores a stronger hash where there is one.
UPDATE holdfast.users
SET last_login_at = now(), password_hash = coalesce(%(new_hash)s::text, password_hash)
WHERE id = %(id)s AND is_active AND password_hash = %(old_hash)s;

-- name: find_active
-- Finds a user who may act, by id; runs for each request.
SELECT id, username, is_administrator FROM holdfast.users WHERE id = %(id)s AND is_active;

-- name: find
-- Finds a user by id.
SELECT id, username, email, created_at, updated_at, last_login_at, is_active, is_administrator
FROM holdfast.users
WHERE id = %(id)s;

-- name: count
-- Counts who can sign in, and the administrators among them.
SELECT
    count(*) FILTER (WHERE is_active) AS active,
    count(*) FILTER (WHERE is_active AND is_administrator) AS administrators
FROM holdfast.users;
