-- A held claim's key.
SELECT key FROM claim_pending WHERE name = $1 ORDER BY lauf LIMIT 1
