CREATE TYPE parcel_status AS ENUM ('announced', 'in_transit', 'delivered', 'returned');

CREATE TABLE parcels (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    barcode TEXT NOT NULL UNIQUE,
    status parcel_status NOT NULL DEFAULT 'announced',
    weight_grams INTEGER NOT NULL CHECK (weight_grams > 0),
    depot_code TEXT NOT NULL REFERENCES depots,
    recipient JSONB NOT NULL CHECK (jsonb_typeof(recipient) = 'object'),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX parcels_depot ON parcels (depot_code);
