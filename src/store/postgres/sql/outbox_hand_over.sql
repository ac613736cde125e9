-- Of another addressee from now on: what was tried before was tried elsewhere.
UPDATE outbox SET lane = $2, destination = $3, partner = $4, state = 'queued', queued = $5, deadline = $6, not_before = NULL,
  attempts = 0, unclear = false, settled = NULL, remembered = NULL
WHERE nr = ANY ($1::bigint[])
