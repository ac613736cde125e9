-- Rows queued before the clock went back leave as long after now as they were to leave after they were queued.
UPDATE outbox SET not_before = ?1 + (not_before - queued)
WHERE state <> 'sent' AND queued > ?2 AND not_before > ?1
  AND lane IN (SELECT row FROM lane WHERE next_try > ?1 AND lease_until IS NULL)
