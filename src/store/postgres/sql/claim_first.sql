-- Whether any row names a claim.
SELECT name FROM claim_use ORDER BY name LIMIT 1
