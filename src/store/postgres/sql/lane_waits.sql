-- Lanes of a destination that wait between two attempts, held until the end of the transaction, in one order for all processes. The bounds
-- lead to the index of the destination; without them the server reads the times of all.
SELECT l.nr FROM lane l
WHERE l.nr = ANY(ARRAY(
    SELECT w.nr FROM lane w
    WHERE w.destination = $1 AND w.next_try IS NOT NULL AND w.lease_until IS NULL
      AND (w.destination, w.next_try) >= ($1, -9223372036854775808) AND (w.destination, w.next_try) <= ($1, 9223372036854775807)
  ))
  AND l.lease_until IS NULL
ORDER BY l.nr FOR UPDATE
