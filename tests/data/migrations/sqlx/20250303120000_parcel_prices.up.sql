CREATE TABLE prices (
    up_to_grams INTEGER PRIMARY KEY CHECK (up_to_grams > 0),
    cents INTEGER NOT NULL CHECK (cents >= 0)
);
INSERT INTO prices (up_to_grams, cents) VALUES (500, 390), (2000, 490), (10000, 890), (31500, 1690);

CREATE FUNCTION price_of(weight INTEGER) RETURNS INTEGER LANGUAGE sql STABLE
RETURN (SELECT cents FROM prices WHERE up_to_grams >= weight ORDER BY up_to_grams LIMIT 1);
