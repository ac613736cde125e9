-- A person decided: it is sent although its time is over, and although an attempt that he was told of may have arrived. What time it has
-- from now on (?2) is that of its way, where a way has one.
UPDATE outbox SET state = 'queued', unclear = CASE state WHEN 'unclear' THEN 0 ELSE unclear END, deadline = ?2,
  settled = NULL
WHERE row = ?1
