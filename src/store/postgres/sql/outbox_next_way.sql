-- By another way: what held of the one before (doubt, what attempts left, its time) does not hold of this one.
UPDATE outbox o SET state = 'queued', lane = n.lane, destination = n.destination, deadline = n.deadline, not_before = NULL,
  unclear = false, remembered = NULL, settled = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) AS n(nr, lane, destination, deadline) WHERE o.nr = n.nr
