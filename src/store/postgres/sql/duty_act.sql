-- Whether an act under this fence may be done. Nobody takes the duty before the act is committed; renewing goes on meanwhile.
SELECT 1 FROM duty WHERE name = $1 AND fence = $2 AND lease_until IS NOT NULL FOR KEY SHARE
