-- Leases of processes that died. By number, so that only lanes that are leased are read.
SELECT nr, handed FROM lane
WHERE nr = ANY(ARRAY(SELECT l.nr FROM lane l WHERE l.lease_until IS NOT NULL AND l.lauf = ANY($1::bigint[])))
  AND lease_until IS NOT NULL AND lauf = ANY($1::bigint[])
ORDER BY nr FOR UPDATE
