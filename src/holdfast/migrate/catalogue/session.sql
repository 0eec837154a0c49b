-- name: canonical_session
-- Sets for this transaction what the text of names and expressions depends on, and forbids writing.
SELECT set_config('search_path', '', true), set_config('timezone', 'UTC', true),
       set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true),
       set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true),
       set_config('quote_all_identifiers', 'off', true), set_config('jit', 'off', true),
       set_config('transaction_read_only', 'on', true),
       current_setting('server_version_num')::integer / 10000 AS major
