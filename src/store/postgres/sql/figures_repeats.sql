SELECT coalesce(sum(n), 0)::bigint FROM repeats
WHERE ($1::text IS NULL OR mandant = $1) AND ($2::text IS NULL OR partner = $2)
