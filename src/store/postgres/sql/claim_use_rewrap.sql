-- A claim's key wrapped by another key.
UPDATE claim_use SET data_key = $3 WHERE name = $1 AND sealed = $2
