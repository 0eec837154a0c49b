-- name: acquire
-- Takes a lease that is free, expired or already the holder's own; returns nothing where another holds it.
INSERT INTO holdfast.leases AS lease (name, holder, expires_at, taken_at)
VALUES (
    %(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s), clock_timestamp()
)
ON CONFLICT (name) DO UPDATE
SET holder = EXCLUDED.holder,
    -- said again: waiting for the row's lock takes time, and the term begins when the lease is had
    expires_at = clock_timestamp() + make_interval(secs => %(seconds)s),
    taken_at = clock_timestamp(),
    fence = lease.fence + 1
WHERE lease.holder = EXCLUDED.holder OR lease.expires_at <= clock_timestamp()
RETURNING fence

-- name: renew
-- Extends a lease that is still held under this fence.
UPDATE holdfast.leases
SET expires_at = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE name = %(name)s AND fence = %(fence)s AND expires_at > clock_timestamp()
RETURNING fence

-- name: release
-- Gives up a lease that is held under this fence; the row stays, so that the fence goes on growing.
UPDATE holdfast.leases
SET expires_at = '-infinity'
WHERE name = %(name)s AND fence = %(fence)s

-- name: confirm
-- Keeps a lease that is still held under this fence from being taken until the transaction ends.
SELECT fence FROM holdfast.leases
WHERE name = %(name)s AND fence = %(fence)s AND expires_at > clock_timestamp()
FOR SHARE

-- name: who_holds
-- Says who holds a lease, and for how many seconds more at most.
SELECT holder, extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds
FROM holdfast.leases
WHERE name = %(name)s AND expires_at > clock_timestamp()
