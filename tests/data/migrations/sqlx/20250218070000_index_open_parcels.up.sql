-- no-transaction
CREATE INDEX CONCURRENTLY parcels_open ON parcels (depot_code) WHERE status IN ('announced', 'in_transit');
