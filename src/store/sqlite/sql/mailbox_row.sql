-- A row (?1) of a partner (?2) in its mailboxes (?3, JSON), with its lane: what is decided by when it is asked for or ended at ?4.
SELECT o.lane, o.state, o.destination, o.attempts, o.sealed, l.fence, l.lease_until, l.worker, o.row = h.row,
  h.state IN ('queued', 'retrying')
    AND (h.after IS NULL OR EXISTS (SELECT 1 FROM outbox a WHERE a.id = h.after AND a.state = 'sent'))
    AND coalesce(h.not_before, ?4) <= ?4 AND coalesce(o.not_before, ?4) <= ?4
    AND (coalesce(h.deadline, ?4 + 1) > ?4 OR coalesce(l.lease_until, 0) > ?4),
  o.unclear
FROM outbox o
LEFT JOIN lane l ON l.row = o.lane
LEFT JOIN outbox h ON h.row = (SELECT min(f.row) FROM outbox f WHERE f.lane = o.lane AND f.state <> 'sent')
WHERE o.id = ?1 AND o.partner = ?2 AND o.destination IN (SELECT value FROM json_each(?3))
