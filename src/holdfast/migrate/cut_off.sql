-- name: database
-- A database of a given name, and whether it is whole: a DROP that was cut off leaves one that is not.
SELECT datconnlimit <> -2 AS whole FROM pg_catalog.pg_database WHERE datname = (parse_ident(%(name)s))[1];

-- name: partition
-- How a partition and the table that it is detached from stand to each other; no row where one is missing.
SELECT inherits.inhdetachpending AS pending
FROM (SELECT to_regclass(%(partition)s) AS partition, to_regclass(%(table)s) AS parent) AS both_of_them
LEFT JOIN pg_catalog.pg_inherits AS inherits
    ON inherits.inhrelid = both_of_them.partition AND inherits.inhparent = both_of_them.parent
WHERE both_of_them.partition IS NOT NULL AND both_of_them.parent IS NOT NULL;
