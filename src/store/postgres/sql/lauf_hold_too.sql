-- Every connection of a process says that it lives: it is dead when none of them stands, not when one broke off.
SELECT pg_advisory_lock_shared(20034, $1::bigint::integer)
