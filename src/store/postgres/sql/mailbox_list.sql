-- What lies in mailboxes ($1) for a partner ($2), from the row after $3, at $4: open rows that may leave, in lanes whose first row may.
-- What is past its time is seen as long as a reader has it in hand.
SELECT r.id, r.lane, r.message, r.queued, r.deadline, r.unclear, octet_length(s.body)::bigint, t.test, r.nr = h.nr, l.lease_until,
  s.mandant_key, s.subject_key, s.data_key, s.head, NULL::bytea, NULL::bytea
FROM outbox r
JOIN lane l ON l.nr = r.lane
JOIN sealed s ON s.nr = r.nr
JOIN stamp t ON t.nr = r.stamp
CROSS JOIN LATERAL (
  SELECT o.nr, o.state, o.after, o.not_before, o.deadline FROM outbox o
  WHERE o.lane = r.lane AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
) h
WHERE r.destination = ANY($1::text[]) AND r.state = ANY (ARRAY['queued', 'retrying'])
  AND r.partner = $2
  AND r.folge > coalesce((SELECT p.folge FROM outbox_id d JOIN outbox p ON p.nr = d.nr WHERE d.id = $3::uuid AND p.partner = $2), 0)
  AND h.state = ANY (ARRAY['queued', 'retrying'])
  AND coalesce((SELECT a.state = 'sent' FROM outbox_id d JOIN outbox a ON a.nr = d.nr WHERE d.id = h.after), h.after IS NULL)
  AND coalesce((SELECT a.state = 'sent' FROM outbox_id d JOIN outbox a ON a.nr = d.nr WHERE d.id = r.after), r.after IS NULL)
  AND coalesce(h.not_before, $4) <= $4 AND coalesce(r.not_before, $4) <= $4
  AND (coalesce(h.deadline, $4 + 1) > $4 OR coalesce(l.lease_until, 0) > $4)
  AND (coalesce(r.deadline, $4 + 1) > $4 OR r.nr = h.nr)
ORDER BY r.folge LIMIT $5::bigint
