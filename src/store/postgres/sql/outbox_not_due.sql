-- What has no order, is open and may not leave before a moment after $1, in lanes that nobody holds, in the order in which it may: from the
-- lane $3 of the moment $2 on.
SELECT l.next_try, l.nr, o.id, o.cause, o.message, o.nr, o.not_before
FROM lane l CROSS JOIN LATERAL (
  SELECT o.id, o.cause, o.message, o.nr, o.not_before FROM outbox o
  WHERE o.lane = l.nr AND o.state <> 'sent' AND o.state = ANY (ARRAY['queued', 'retrying']) AND o.not_before > $1 LIMIT 1
) o
WHERE l.next_try IS NOT NULL AND l.lease_until IS NULL AND l.name IS NULL
  AND l.next_try >= $2 AND (l.next_try > $2 OR l.nr > $3)
ORDER BY l.next_try, l.nr LIMIT $4::bigint
