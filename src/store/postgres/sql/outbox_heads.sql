-- Unsettled rows of lanes in order, with all a worker needs.
SELECT l.nr, h.* FROM unnest($1::bigint[]) AS l(nr) CROSS JOIN LATERAL (
  SELECT o.folge, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.state, o.attempts, o.unclear, o.queued,
    o.deadline, o.not_before,
    coalesce((SELECT f.state = 'sent' FROM outbox_id d JOIN outbox f ON f.nr = d.nr WHERE d.id = o.after),
      o.after IS NULL) AS free,
    c.nr AS sealed, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note, o.message, o.remembered
  FROM outbox o JOIN sealed c ON c.nr = o.nr
  WHERE o.lane = l.nr AND o.state <> 'sent'
  ORDER BY o.folge LIMIT $2::bigint
) h ORDER BY l.nr, h.folge
