-- First rows of lanes of mailboxes ($1) that nobody closed in time and that nobody has in hand at $2. The mailbox as a range and the order
-- lead to the lanes of each by their index, whatever the server counted last.
SELECT l.nr, l.fence, h.id, h.destination, h.unclear, h.nr
FROM unnest($1::text[]) AS b(destination) CROSS JOIN LATERAL (
  SELECT l.nr, l.fence FROM lane l
  WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL
    AND l.destination >= b.destination AND l.destination <= b.destination
  ORDER BY l.destination, l.next_try OFFSET 0
) l CROSS JOIN LATERAL (
  SELECT o.nr, o.id, o.destination, o.unclear, o.state, o.deadline FROM outbox o
  WHERE o.lane = l.nr AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
) h
WHERE h.state = ANY (ARRAY['queued', 'retrying']) AND h.deadline <= $2
LIMIT $3::bigint
