-- When a lane can go at the earliest, but those of these destinations ($1), by destination, so that the many lanes of one that is left
-- out are skipped; a leased one not before its lease is over.
WITH RECURSIVE ziel AS (
  (SELECT destination FROM lane WHERE next_try IS NOT NULL AND lease_until IS NULL ORDER BY destination LIMIT 1)
  UNION ALL
  SELECT (SELECT l.destination FROM lane l
    WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.destination > z.destination
    ORDER BY l.destination LIMIT 1)
  FROM ziel z WHERE z.destination IS NOT NULL
)
SELECT least(
  (SELECT min((SELECT min(l.next_try) FROM lane l
      WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.destination = z.destination))
    FROM ziel z WHERE z.destination IS NOT NULL AND z.destination <> ALL($1::text[])),
  (SELECT min(lease_until) FROM lane WHERE lease_until IS NOT NULL))
