-- Written by an older program: their time begins now.
UPDATE idempotency SET seit = $2 WHERE key = ANY($1::bytea[])
