-- Held too long by this process, or by a process that died.
DELETE FROM claim_pending WHERE (lauf = $1 AND survived > $2) OR lauf = ANY($3::bigint[])
