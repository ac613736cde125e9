SELECT w.inbox, w.until, w.woken, w.person, i.id, i.sealed
FROM waiting w JOIN inbox i ON i.row = w.inbox
WHERE w.due <= ?1
  -- Nobody runs it now; a lease far ahead was given before the clock jumped back.
  AND (w.lease_until IS NULL OR w.lease_until <= ?1 OR w.lease_until > ?2)
ORDER BY w.due LIMIT ?3
