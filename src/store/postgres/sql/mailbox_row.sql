-- A row ($1) of a partner ($2) in its mailboxes ($3), with its lane: what is decided by when it is asked for or ended at $4.
SELECT r.lane, r.state, r.destination, r.attempts, r.nr, l.fence, l.lease_until, coalesce(l.worker, ''), coalesce(r.nr = h.nr, false),
  coalesce(h.state = ANY (ARRAY['queued', 'retrying'])
    AND coalesce((SELECT a.state = 'sent' FROM outbox_id d JOIN outbox a ON a.nr = d.nr WHERE d.id = h.after), h.after IS NULL)
    AND coalesce(h.not_before, $4::bigint) <= $4 AND coalesce(r.not_before, $4) <= $4
    AND (coalesce(h.deadline, $4 + 1) > $4 OR coalesce(l.lease_until, 0) > $4), false),
  r.unclear
FROM outbox_id i
JOIN outbox r ON r.nr = i.nr
LEFT JOIN lane l ON l.nr = r.lane
LEFT JOIN LATERAL (
  SELECT o.nr, o.state, o.after, o.not_before, o.deadline FROM outbox o
  WHERE o.lane = r.lane AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
) h ON true
WHERE i.id = $1::uuid AND r.partner = $2::text AND r.destination = ANY($3::text[])
