-- name: acquire
-- Takes a lease that is free, expired or already the holder's own; returns nothing where another holds it.
INSERT INTO holdfast.leases AS lease (name, holder, expires_at)
VALUES (%(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE
SET holder = EXCLUDED.holder,
    expires_at = EXCLUDED.expires_at,
    fence = lease.fence + (lease.holder <> EXCLUDED.holder)::integer,
    taken_at = CASE WHEN lease.holder = EXCLUDED.holder THEN lease.taken_at ELSE now() END
WHERE lease.holder = EXCLUDED.holder OR lease.expires_at < clock_timestamp()
RETURNING fence;

-- name: renew
-- Extends a lease that the holder still holds.
UPDATE holdfast.leases
SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND holder = %(holder)s AND expires_at >= clock_timestamp()
RETURNING fence;

-- name: release
-- Gives up a lease that the holder holds, keeping its fence.
UPDATE holdfast.leases SET expires_at = '-infinity' WHERE name = %(name)s AND holder = %(holder)s;
