-- What lies in mailboxes (?1, JSON) for a partner (?2), from the row after ?3, at ?4: open rows that may leave, in lanes whose first row
-- may. What is past its time is seen as long as a reader has it in hand.
SELECT o.id, o.lane, o.message, o.queued, o.deadline, o.unclear, o.sealed, length(s.body), t.test, o.row = h.row, l.lease_until
FROM outbox o
JOIN lane l ON l.row = o.lane
JOIN sealed s ON s.row = o.sealed
JOIN stamp t ON t.row = o.stamp
JOIN outbox h ON h.row = (SELECT min(f.row) FROM outbox f WHERE f.lane = o.lane AND f.state <> 'sent')
WHERE o.destination IN (SELECT value FROM json_each(?1)) AND o.state IN ('queued', 'retrying')
  AND o.partner = ?2
  AND o.row > coalesce((SELECT p.row FROM outbox p WHERE p.id = ?3 AND p.partner = ?2), 0)
  AND h.state IN ('queued', 'retrying')
  AND (h.after IS NULL OR EXISTS (SELECT 1 FROM outbox a WHERE a.id = h.after AND a.state = 'sent'))
  AND (o.after IS NULL OR EXISTS (SELECT 1 FROM outbox a WHERE a.id = o.after AND a.state = 'sent'))
  AND coalesce(h.not_before, ?4) <= ?4 AND coalesce(o.not_before, ?4) <= ?4
  AND (coalesce(h.deadline, ?4 + 1) > ?4 OR coalesce(l.lease_until, 0) > ?4)
  AND (coalesce(o.deadline, ?4 + 1) > ?4 OR o.row = h.row)
ORDER BY o.row LIMIT ?5
