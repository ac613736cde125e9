-- What was sent because of these messages and has arrived.
UPDATE sealed SET data_key = NULL, head = NULL, body = NULL, note = NULL
WHERE nr IN (SELECT nr FROM outbox WHERE cause = ANY($1::uuid[]) AND state = 'sent')
