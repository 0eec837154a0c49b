-- What PostgreSQL 18 has first, and what an extension brings.
CREATE TABLE odd.n18 (a int GENERATED ALWAYS AS IDENTITY, v int GENERATED ALWAYS AS (a * 2), d daterange,
    CONSTRAINT nn NOT NULL d NO INHERIT);
CREATE TABLE odd.n18b (id int4range, d daterange, PRIMARY KEY (id, d WITHOUT OVERLAPS));
CREATE EXTENSION IF NOT EXISTS vector; CREATE TABLE odd.vec (e public.vector(3));
    CREATE INDEX ON odd.vec USING hnsw (e public.vector_l2_ops);
CREATE TABLE odd.ck (a int CHECK (a > 0) NOT ENFORCED);
