DELETE FROM inbox_id WHERE id = ANY($1::uuid[])
