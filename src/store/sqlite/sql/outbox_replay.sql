-- A person decided: it is sent although its time is over and although an earlier attempt may have arrived.
UPDATE outbox SET state = 'queued', unclear = 0, deadline = NULL, settled = NULL WHERE row = ?1
