-- Whether a partner ($2) could have anything out of mailboxes ($1) at $3: a lane that nobody has in hand, whose first row may leave. The
-- mailbox as a range and the order lead to its lanes by their index, whatever the server counted last.
SELECT EXISTS (
  SELECT 1 FROM unnest($1::text[]) AS b(destination) CROSS JOIN LATERAL (
    SELECT l.nr FROM lane l
    WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL
      AND l.destination >= b.destination AND l.destination <= b.destination
    ORDER BY l.destination, l.next_try OFFSET 0
  ) l CROSS JOIN LATERAL (
    SELECT o.partner, o.state, o.after, o.not_before, o.deadline FROM outbox o
    WHERE o.lane = l.nr AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
  ) h
  WHERE h.partner = $2 AND h.state = ANY (ARRAY['queued', 'retrying'])
    AND coalesce((SELECT a.state = 'sent' FROM outbox_id d JOIN outbox a ON a.nr = d.nr WHERE d.id = h.after), h.after IS NULL)
    AND coalesce(h.not_before, $3::bigint) <= $3 AND coalesce(h.deadline, $3 + 1) > $3)
