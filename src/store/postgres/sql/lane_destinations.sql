-- Destinations that have a lane which can go, found by skipping through the index.
WITH RECURSIVE ziel AS (
  (SELECT destination FROM lane WHERE next_try IS NOT NULL AND lease_until IS NULL ORDER BY destination LIMIT 1)
  UNION ALL
  SELECT (SELECT l.destination FROM lane l
    WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.destination > z.destination
    ORDER BY l.destination LIMIT 1)
  FROM ziel z WHERE z.destination IS NOT NULL
)
SELECT destination FROM ziel WHERE destination IS NOT NULL
