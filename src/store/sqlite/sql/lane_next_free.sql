-- When a lane that nobody holds can go at the earliest, but those of these destinations (?1, JSON); by destination, so that the many lanes
-- of one that is left out are skipped.
WITH RECURSIVE ziel (destination) AS (
  SELECT min(destination) FROM lane WHERE next_try IS NOT NULL AND lease_until IS NULL
  UNION ALL
  SELECT (SELECT min(l.destination) FROM lane l
    WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.destination > z.destination)
  FROM ziel z WHERE z.destination IS NOT NULL
)
SELECT min((SELECT min(l.next_try) FROM lane l
  WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.destination = z.destination))
FROM ziel z WHERE z.destination IS NOT NULL AND z.destination NOT IN (SELECT value FROM json_each(?1))
