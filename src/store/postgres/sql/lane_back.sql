-- Lanes that wait since a moment which lies in the future: their rows were tried or queued before the clock went back. What
-- another process holds at this moment is left to it.
UPDATE lane SET next_try = $1
WHERE nr = ANY (ARRAY (
  SELECT l.nr FROM lane l
  WHERE l.next_try > $1 AND l.lease_until IS NULL
    AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = l.nr AND o.state <> 'sent'
      AND (o.settled > $2 OR (o.settled IS NULL AND o.queued > $2)))
  ORDER BY l.nr FOR UPDATE OF l SKIP LOCKED))
