-- Of these claims those that no row names and no process holds.
SELECT n.name FROM unnest($1::text[]) AS n(name)
WHERE NOT EXISTS (SELECT 1 FROM claim_use u WHERE u.name = n.name)
  AND NOT EXISTS (SELECT 1 FROM claim_pending p WHERE p.name = n.name)
