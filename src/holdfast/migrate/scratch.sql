-- name: about_server
-- What decides whether a throwaway database can stand beside this one.
SELECT current_setting('server_version_num')::integer / 10000 AS major,
       coalesce((SELECT r.rolsuper OR r.rolcreatedb FROM pg_roles r WHERE r.rolname = current_user), false)
           AS may_create;

-- name: roles
-- The names of all roles that somebody has made.
SELECT r.rolname::text AS name FROM pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;
