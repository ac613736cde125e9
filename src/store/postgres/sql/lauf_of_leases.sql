-- Processes that left something behind: leases, duties, commands they had taken, claims they held.
SELECT lauf FROM lane WHERE lease_until IS NOT NULL AND lauf IS NOT NULL
UNION SELECT lauf FROM waiting WHERE lauf IS NOT NULL
UNION SELECT lauf FROM command WHERE state = 'taken' AND lauf IS NOT NULL
UNION SELECT lauf FROM claim_pending
UNION SELECT lauf FROM duty WHERE lease_until IS NOT NULL
