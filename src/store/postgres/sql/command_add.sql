INSERT INTO command (id, what, at, sealed, state) VALUES ($1, $2, $3, $4, 'waiting')
-- Posting the same command again after an unknown outcome changes nothing.
ON CONFLICT (id) DO NOTHING
