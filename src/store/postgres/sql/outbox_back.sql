-- Rows queued before the clock went back leave as long after now as they were to leave after they were queued.
UPDATE outbox SET not_before = $1 + (not_before - queued)
WHERE nr = ANY (ARRAY (
  SELECT o.nr FROM lane l JOIN outbox o ON o.lane = l.nr
  WHERE l.next_try > $1 AND l.lease_until IS NULL
    AND o.state <> 'sent' AND o.queued > $2 AND o.not_before > $1))
