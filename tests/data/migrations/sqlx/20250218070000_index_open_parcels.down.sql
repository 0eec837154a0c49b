-- no-transaction
DROP INDEX CONCURRENTLY parcels_open;
