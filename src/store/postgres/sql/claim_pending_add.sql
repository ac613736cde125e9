-- This process holds a finished claim.
INSERT INTO claim_pending (name, lauf, key) VALUES ($1, $2, $3)
ON CONFLICT (name, lauf) DO UPDATE SET key = excluded.key, survived = 0
