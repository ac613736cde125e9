-- By another way: what held of the one before (doubt, what attempts left, its time) does not hold of this one. That something of it may have
-- been seen there holds on: it was sent, an attempt left something, or a reader had it in its hand. Then it has no earliest moment any more.
UPDATE outbox o SET state = 'queued', lane = n.lane, destination = n.destination, deadline = n.deadline,
  unclear = false, remembered = NULL, settled = NULL,
  not_before = CASE WHEN o.state = 'sent' OR o.remembered IS NOT NULL
    OR EXISTS (SELECT 1 FROM lane l WHERE l.nr = o.lane AND l.fence >> 32 > 0) THEN NULL ELSE o.not_before END
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS n(nr, lane, destination, deadline) WHERE o.nr = n.nr
