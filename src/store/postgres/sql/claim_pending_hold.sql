-- Claims that some process holds; no collection removes them before this transaction ends.
SELECT name FROM claim_pending WHERE name = ANY($1::text[]) ORDER BY name, lauf FOR SHARE
