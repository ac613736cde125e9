-- Leases that are over. One that lies further ahead than any lease lasts was given before the clock jumped back.
SELECT row, handed FROM lane
WHERE lease_until IS NOT NULL AND (lease_until <= ?1 OR lease_until > ?2)
