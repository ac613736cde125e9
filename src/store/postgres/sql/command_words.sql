-- What persons said with commands, still sealed.
SELECT id, sealed FROM command WHERE id = ANY($1::uuid[])
