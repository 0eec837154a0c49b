-- name: limit_before_17
-- Sets a migration's limits for its transaction.
SELECT set_config('lock_timeout', %(milliseconds)s, true), set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('search_path', 'public', true), set_config('standard_conforming_strings', 'on', true),
       set_config('client_connection_check_interval', '1s', true);

-- name: limit_from_17
-- The same from PostgreSQL 17 on, where a transaction has a time limit too.
SELECT set_config('lock_timeout', %(milliseconds)s, true), set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true), set_config('transaction_timeout', '0', true),
       set_config('search_path', 'public', true), set_config('standard_conforming_strings', 'on', true),
       set_config('client_connection_check_interval', '1s', true);

-- name: limit_session
-- Sets the same for what cannot run in a transaction; RESET ALL ends it.
SELECT set_config('lock_timeout', %(milliseconds)s, false), set_config('statement_timeout', '0', false),
       set_config('search_path', 'public', false), set_config('standard_conforming_strings', 'on', false),
       set_config('client_connection_check_interval', '1s', false);
