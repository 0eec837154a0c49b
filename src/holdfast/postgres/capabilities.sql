-- name: server
-- Says what the server is and what it lets this role see.
SELECT
    current_setting('server_version_num')::int AS version_number,
    current_setting('server_version') AS version,
    current_user AS role,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
    pg_is_in_recovery() AS in_recovery,
    current_setting('wal_level') AS wal_level,
    current_setting('data_checksums') = 'on' AS checksums,
    current_setting('server_encoding') AS encoding,
    current_setting('max_connections')::int AS max_connections,
    current_setting('timescaledb.license', true) AS timescaledb_license,
    -- what is preloaded is shown to superusers and pg_read_all_settings only
    (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries') AS preloaded,
    to_regprocedure('pg_catalog.uuidv7()') IS NOT NULL AS uuidv7

-- name: extensions
-- Lists the extensions that the server could give this database, and those that it has.
SELECT name, default_version AS available, installed_version AS installed
FROM pg_available_extensions
WHERE name = ANY (%(names)s)

-- name: identity
-- Says which database this is, whatever it is reached by.
SELECT system_identifier, current_database() AS database FROM pg_control_system()
