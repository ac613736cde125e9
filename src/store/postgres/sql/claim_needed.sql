-- Whether a row names the claim or a process holds it.
SELECT EXISTS (SELECT 1 FROM claim_use WHERE name = $1) OR EXISTS (SELECT 1 FROM claim_pending WHERE name = $1)
