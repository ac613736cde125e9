-- A row that was sent goes once more, in a lane of its own.
UPDATE outbox SET state = 'queued', lane = ?2, queued = ?3, deadline = NULL, settled = NULL WHERE row = ?1
