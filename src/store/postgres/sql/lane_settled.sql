-- Lanes that are given back and whose rows have all arrived, these ($2) with this transaction, go at once; ending their lease first
-- would write each of them once more. It does not wait for the rows to be written, so it may go out with that statement. OFFSET keeps
-- the server from joining all open rows, with those that have left since, instead of looking for those of each lane.
DELETE FROM lane l WHERE l.nr = ANY($1::bigint[])
  AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.lane = l.nr AND o.state <> 'sent' AND o.nr <> ALL($2::bigint[]) OFFSET 0)
RETURNING l.nr
