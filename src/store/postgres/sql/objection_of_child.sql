-- All that speak of a child, made up to a moment. From the key to its row and never the other way round.
SELECT o.nr FROM objection_about a CROSS JOIN LATERAL (
  SELECT b.nr FROM objection b WHERE b.nr = a.objection AND b.made <= $2 LIMIT 1
) o
WHERE a.key = ANY($1::bytea[])
