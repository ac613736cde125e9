-- Lanes that wait since a moment which lies in the future: their rows were tried or queued before the clock went back.
UPDATE lane SET next_try = ?1
WHERE next_try > ?1 AND lease_until IS NULL
  AND EXISTS (SELECT 1 FROM outbox o WHERE o.lane = lane.row AND o.state <> 'sent'
    AND (o.settled > ?2 OR (o.settled IS NULL AND o.queued > ?2)))
