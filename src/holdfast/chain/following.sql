-- name: free_leases
-- Free what other processes held under the name of following, when none of them lives.
UPDATE holdfast.leases
SET expires_at = '-infinity'
WHERE starts_with(name, 'follow:') AND holder <> %(holder)s;
