-- What waits by order, by destination and by where what it waits for is to go: the row before it in its lane that a person has to look at, or the
-- one that it comes after, or its lane's first row does. The rest (NULL) could leave since, or from then on.
SELECT w.destination,
  CASE WHEN h.state IN ('parked', 'unclear') THEN h.destination ELSE coalesce(a.destination, b.destination) END AS behind,
  coalesce(CASE WHEN h.state IN ('parked', 'unclear') THEN h.state ELSE coalesce(a.state, b.state) END, '') IN ('parked', 'unclear') AS held,
  count(*), min(greatest(w.queued, w.not_before, h.not_before))
FROM outbox w JOIN stamp s ON s.nr = w.stamp
CROSS JOIN LATERAL (
  SELECT o.state, o.destination, o.after, o.not_before FROM outbox o
  WHERE o.lane = w.lane AND o.state <> 'sent' ORDER BY o.folge LIMIT 1
) h
LEFT JOIN LATERAL (
  SELECT f.state, f.destination FROM outbox_id d JOIN outbox f ON f.nr = d.nr WHERE d.id = w.after AND f.state <> 'sent'
) a ON true
LEFT JOIN LATERAL (
  SELECT f.state, f.destination FROM outbox_id d JOIN outbox f ON f.nr = d.nr WHERE d.id = h.after AND f.state <> 'sent'
) b ON true
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR w.partner = $2) AND w.state IN ('queued', 'retrying')
GROUP BY 1, 2, 3 ORDER BY 1, 2 NULLS FIRST, 3
