-- No handle of it is left in this process.
DELETE FROM claim_pending WHERE name = $1 AND lauf = $2
