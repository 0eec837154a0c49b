DROP TRIGGER IF EXISTS parcels_touch ON parcels;
DROP FUNCTION IF EXISTS touch();
