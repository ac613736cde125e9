-- What was sent because of this message and has arrived.
UPDATE sealed SET data_key = NULL, head = NULL, body = NULL, note = NULL
WHERE row IN (SELECT sealed FROM outbox WHERE cause = ?1 AND state = 'sent')
