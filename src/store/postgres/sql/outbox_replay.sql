-- A person decided: it is sent although its time is over, and although an attempt that he was told of may have arrived.
UPDATE outbox SET state = 'queued', unclear = CASE state WHEN 'unclear' THEN false ELSE unclear END, deadline = NULL,
  settled = NULL
WHERE nr = $1
