-- Rows that were handed out under a lease that nobody ended: an attempt may have been made.
UPDATE outbox SET unclear = 1 WHERE lane = ?1 AND state <> 'sent' AND row <= ?2
