-- The next destination that has a lane which can go; asked again and again it skips through the index.
SELECT destination FROM lane
WHERE next_try IS NOT NULL AND lease_until IS NULL AND destination > ?1
ORDER BY destination LIMIT 1
