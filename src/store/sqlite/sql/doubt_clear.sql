UPDATE outbox SET unclear = 0 WHERE row = ?1 AND state IN ('queued', 'retrying') AND unclear = 1
