-- By another way: what held of the one before (doubt, what attempts left, its time) does not hold of this one. That something of it may have
-- been seen there holds on: it was sent, an attempt left something, or a reader had it in its hand. Then it has no earliest moment any more.
UPDATE outbox SET state = 'queued', lane = ?2, destination = ?3, deadline = ?4, unclear = 0, remembered = NULL, settled = NULL,
  not_before = CASE WHEN state = 'sent' OR remembered IS NOT NULL
    OR EXISTS (SELECT 1 FROM lane l WHERE l.row = outbox.lane AND l.fence >> 32 > 0) THEN NULL ELSE not_before END
WHERE row = ?1
