-- name: in_use
-- Tells whether anybody has made users or chains in this database.
SELECT EXISTS (SELECT FROM holdfast.users) OR EXISTS (SELECT FROM holdfast.chains) AS in_use
