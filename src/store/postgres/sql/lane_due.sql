-- Lanes of one destination whose time has come and that nobody holds, oldest first. What another process takes at this moment
-- is passed over.
SELECT nr, fence FROM lane
WHERE next_try IS NOT NULL AND lease_until IS NULL
  AND destination = $1 AND next_try <= $2
ORDER BY next_try LIMIT $3::bigint
FOR UPDATE SKIP LOCKED
