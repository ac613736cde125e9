DELETE FROM outbox_id WHERE id = ANY($1::uuid[])
