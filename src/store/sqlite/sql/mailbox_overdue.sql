-- First rows of lanes of mailboxes (?1, JSON) that nobody closed in time and that nobody has in hand at ?2.
SELECT l.row, l.fence, o.id, o.destination, o.unclear, o.sealed
FROM lane l JOIN outbox o ON o.row = (SELECT min(f.row) FROM outbox f WHERE f.lane = l.row AND f.state <> 'sent')
WHERE l.destination IN (SELECT value FROM json_each(?1)) AND l.next_try IS NOT NULL AND l.lease_until IS NULL
  AND o.state IN ('queued', 'retrying') AND o.deadline <= ?2
ORDER BY l.row LIMIT ?3
