-- A row that was sent goes once more, in a lane of its own.
UPDATE outbox SET state = 'queued', lane = $2, queued = $3, deadline = $4, settled = NULL WHERE nr = $1
