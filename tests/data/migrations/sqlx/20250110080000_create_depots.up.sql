CREATE TABLE depots (
    code TEXT PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    city TEXT NOT NULL,
    latitude DOUBLE PRECISION NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude DOUBLE PRECISION NOT NULL CHECK (longitude BETWEEN -180 AND 180)
);
