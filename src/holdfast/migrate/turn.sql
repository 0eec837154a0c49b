-- name: take
-- Locks the row that says whose turn it is, for this transaction; returns nothing where others have it.
SELECT only_row
FROM holdfast.migration_lock
WHERE holder IS NULL OR holder = %(holder)s OR lease_until < clock_timestamp()
FOR UPDATE SKIP LOCKED;

-- name: lease
-- Keeps the turn beyond this transaction.
UPDATE holdfast.migration_lock
SET holder = %(holder)s, doing = %(doing)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE holder IS NULL OR holder = %(holder)s OR lease_until < clock_timestamp();

-- name: confirm
-- Locks the row while the lease is still ours. One that has ended is lost for good, also where its holder
-- still stands there: who takes the turn for a transaction leaves no name.
SELECT only_row FROM holdfast.migration_lock
WHERE holder = %(holder)s AND lease_until >= clock_timestamp()
FOR UPDATE;

-- name: renew
-- Keeps the turn for longer; changes no row where the lease has ended or somebody else has taken it.
UPDATE holdfast.migration_lock
SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
WHERE holder = %(holder)s AND lease_until >= clock_timestamp();

-- name: release
-- Gives the turn back.
UPDATE holdfast.migration_lock SET holder = NULL, doing = NULL, lease_until = NULL WHERE holder = %(holder)s;

-- name: holder
-- Who keeps the turn beyond a transaction, and what for.
SELECT holder, doing FROM holdfast.migration_lock WHERE lease_until >= clock_timestamp();
