-- Whether a partner (?2) could have anything out of mailboxes (?1, JSON) at ?3: a lane that nobody has in hand, whose first row may leave.
SELECT EXISTS (
  SELECT 1 FROM lane l JOIN outbox h ON h.row = (SELECT min(f.row) FROM outbox f WHERE f.lane = l.row AND f.state <> 'sent')
  WHERE l.destination IN (SELECT value FROM json_each(?1)) AND l.next_try IS NOT NULL AND l.lease_until IS NULL
    AND h.partner = ?2 AND h.state IN ('queued', 'retrying')
    AND (h.after IS NULL OR EXISTS (SELECT 1 FROM outbox a WHERE a.id = h.after AND a.state = 'sent'))
    AND coalesce(h.not_before, ?3) <= ?3 AND coalesce(h.deadline, ?3 + 1) > ?3)
