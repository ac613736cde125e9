-- Written by an older program: its time begins now.
UPDATE idempotency SET seit = ?2 WHERE key = ?1
