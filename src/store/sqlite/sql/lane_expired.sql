-- Leases that are over. One that lies further ahead than any lease lasts was given before the clock jumped back. Those of readers of
-- mailboxes (?3: their word) belong to no process and end by time alone; they are left out where ?3 is given.
SELECT row, handed FROM lane
WHERE lease_until IS NOT NULL AND (lease_until <= ?1 OR lease_until > ?2)
  AND (?3 IS NULL OR worker IS NULL OR (worker <> ?3 AND worker NOT LIKE ?3 || ' %'))
