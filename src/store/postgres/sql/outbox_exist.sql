-- Which of these rows exist.
SELECT id FROM outbox_id WHERE id = ANY($1::uuid[])
