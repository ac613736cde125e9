-- Leases that are over, or of processes that died. One that lies further ahead than any lease lasts was given before the
-- clock jumped back. What another process ends at this moment is left to it.
SELECT nr, handed FROM lane
WHERE lease_until IS NOT NULL AND (lease_until <= $1 OR lease_until > $2)
ORDER BY nr FOR UPDATE SKIP LOCKED
