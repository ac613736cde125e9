-- Says that this process lives, as long as the connection stands. Shared: while the server still believes in a connection that
-- broke off, the next one says it too.
SELECT pg_backend_pid(), pg_advisory_lock_shared(20034, $1::bigint::integer)
