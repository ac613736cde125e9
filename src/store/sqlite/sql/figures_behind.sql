-- What waits by order, by destination and by where what it waits for is to go: the row before it in its lane that a person has to look at, or the
-- one that it comes after, or its lane's first row does. The rest (NULL) could leave since, or from then on.
SELECT o.destination,
  CASE WHEN h.state IN ('parked', 'unclear') THEN h.destination ELSE coalesce(a.destination, b.destination) END,
  coalesce(CASE WHEN h.state IN ('parked', 'unclear') THEN h.state ELSE coalesce(a.state, b.state) END, '') IN ('parked', 'unclear'),
  count(*), min(max(o.queued, coalesce(o.not_before, o.queued), coalesce(h.not_before, o.queued)))
FROM outbox o JOIN stamp s ON s.row = o.stamp
JOIN outbox h ON h.row = (SELECT min(x.row) FROM outbox x WHERE x.lane = o.lane AND x.state <> 'sent')
LEFT JOIN outbox a ON a.id = o.after AND a.state <> 'sent'
LEFT JOIN outbox b ON b.id = h.after AND b.state <> 'sent'
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2) AND o.state IN ('queued', 'retrying')
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
