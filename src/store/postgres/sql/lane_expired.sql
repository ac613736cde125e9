-- Leases that are over, or of processes that died. One that lies further ahead than any lease lasts was given before the
-- clock jumped back. What another process ends at this moment is left to it, so nobody waits here and no order is needed; one
-- would tempt the server to walk through all lanes. By number, so that each end of the index is read by itself.
SELECT nr, handed FROM lane
WHERE nr = ANY(ARRAY(SELECT l.nr FROM lane l WHERE l.lease_until <= $1 UNION ALL SELECT l.nr FROM lane l WHERE l.lease_until > $2))
  AND (lease_until <= $1 OR lease_until > $2)
FOR UPDATE SKIP LOCKED
