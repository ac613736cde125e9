-- What was open during a pause (?1 destination or partner, ?2 its name, from ?3 to ?4) and not over when that began has so much longer. Where
-- a pause that still stands held it as well, only until that one began: that one gives its own time back when it ends.
UPDATE outbox SET deadline = outbox.deadline + held.until - max(?3, outbox.queued)
FROM (
  SELECT o.row, min(?4, coalesce((
    SELECT p.since FROM pause p
    WHERE p.kind = iif(?1 = 'destination', 'partner', 'destination') AND (p.until IS NULL OR p.since < p.until)
      AND p.name = iif(?1 = 'destination', substr(o.destination, instr(o.destination, ':') + 1), o.destination)), ?4)) AS until
  FROM outbox o
  WHERE o.state <> 'sent' AND o.state IN ('queued', 'retrying') AND o.deadline > ?3
    AND iif(?1 = 'destination', o.destination, substr(o.destination, instr(o.destination, ':') + 1)) = ?2
) AS held
WHERE outbox.row = held.row AND max(?3, outbox.queued) < held.until
