-- What waits for these keys runs now.
UPDATE waiting w SET woken = true, due = least(w.due, n.at), lease_until = NULL, lauf = NULL
FROM unnest($1::bytea[], $2::bigint[]) AS n(key, at) WHERE w.key = n.key
