-- By another way: what held of the one before (doubt, what attempts left, its time) does not hold of this one.
UPDATE outbox SET state = 'queued', lane = ?2, destination = ?3, deadline = ?4, not_before = NULL, unclear = 0, remembered = NULL,
  settled = NULL
WHERE row = ?1
