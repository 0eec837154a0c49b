CREATE TABLE scans (
    parcel_id UUID NOT NULL REFERENCES parcels ON DELETE CASCADE,
    scanned_at TIMESTAMPTZ NOT NULL,
    depot_code TEXT NOT NULL REFERENCES depots,
    note TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (parcel_id, scanned_at)
) PARTITION BY RANGE (scanned_at);
CREATE TABLE scans_2025 PARTITION OF scans FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE scans_rest PARTITION OF scans DEFAULT;
CREATE INDEX scans_depot ON scans (depot_code, scanned_at);
