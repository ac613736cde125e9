-- Says that this process lives, as long as the connection stands.
SELECT pg_backend_pid(), pg_try_advisory_lock(20034, $1::bigint::integer)
