-- The salt dies with what it speaks of; nothing was written down before its own month.
UPDATE audit SET salt = NULL WHERE subject = ANY($1::uuid[]) AND nr >= $2 AND salt IS NOT NULL
