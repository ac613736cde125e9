-- Sets when lanes can go: `at` if the head can leave and the lane was idle (or `anew`), never while the head is held, not
-- before the head's own time. A lane without unsettled rows and lease goes. The caller holds the lanes locked.
WITH asked AS (
  SELECT a.nr, a.at, a.anew, l.next_try, l.lease_until IS NOT NULL AS leased, h.state, h.free, h.not_before
  FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS a(nr, at, anew)
  JOIN lane l ON l.nr = a.nr
  LEFT JOIN LATERAL (
    -- The first unsettled row, and whether what it comes after was sent.
    SELECT o.state, o.not_before, coalesce((SELECT f.state = 'sent' FROM outbox_id d JOIN outbox f ON f.nr = d.nr WHERE d.id = o.after),
      o.after IS NULL) AS free
    FROM outbox o WHERE o.lane = a.nr AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
  ) h ON true
), gone AS (
  DELETE FROM lane l USING asked a WHERE l.nr = a.nr AND a.state IS NULL AND NOT a.leased
)
UPDATE lane l SET
  held = a.state IS NOT NULL AND a.state IN ('parked', 'unclear'),
  next_try = CASE
    WHEN a.state IS NULL OR a.state IN ('parked', 'unclear') OR NOT a.free THEN NULL
    ELSE greatest(CASE WHEN a.anew THEN a.at ELSE coalesce(a.next_try, a.at) END, a.not_before) END
FROM asked a WHERE l.nr = a.nr AND (a.state IS NOT NULL OR a.leased)
