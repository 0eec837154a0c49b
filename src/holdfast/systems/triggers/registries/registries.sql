-- name: add
-- purpose: Name a contract as a registry of a chain; returns nothing where it is one already.
INSERT INTO triggers.registries (chain_id, address, registry)
    VALUES (%(chain_id)s, %(address)s, %(registry)s)
    ON CONFLICT (chain_id, address) DO NOTHING
    RETURNING address

-- name: of_address
-- purpose: Say which registry a contract is named as.
SELECT registry FROM triggers.registries WHERE chain_id = %(chain_id)s AND address = %(address)s

-- name: list
-- purpose: List the registries of all chains.
SELECT chain_id, registry, address, created_at FROM triggers.registries ORDER BY chain_id, registry, address

-- name: remove
-- purpose: Stop following a contract; its events stay.
DELETE FROM triggers.registries WHERE chain_id = %(chain_id)s AND address = %(address)s RETURNING registry
