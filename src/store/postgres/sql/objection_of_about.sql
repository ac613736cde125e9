-- Open ones of offices under keys that were made before a moment; what blocks them whenever it was. From the key to its row and never
-- the other way round.
SELECT o.nr FROM objection_about a CROSS JOIN LATERAL (
  SELECT b.nr FROM objection b WHERE b.nr = a.objection AND b.amt = ANY($2::text[]) AND b.closed IS NULL
    AND (b.made < $3 OR b.why = 'unreadable') LIMIT 1
) o
WHERE a.key = ANY($1::bytea[])
