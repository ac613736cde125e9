-- What was open during a pause (?1 destination or partner, ?2 its name, from ?3 to ?4) and not over when that began has so much longer.
UPDATE outbox SET deadline = deadline + ?4 - max(?3, queued)
WHERE state <> 'sent' AND state IN ('queued', 'retrying') AND deadline > ?3 AND queued < ?4
  AND iif(?1 = 'destination', destination, substr(destination, instr(destination, ':') + 1)) = ?2
