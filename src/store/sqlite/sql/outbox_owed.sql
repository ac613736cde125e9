-- What a message has caused, as far as it decides whether its answer can be taken back.
SELECT o.row, o.id, o.lane, o.stamp, o.traceparent, o.sealed, o.state, o.unclear, o.remembered IS NOT NULL, o.not_before IS NOT NULL,
  l.lease_until IS NOT NULL, coalesce(l.fence, 0), o.message
FROM outbox o LEFT JOIN lane l ON l.row = o.lane
WHERE o.cause = ?1
ORDER BY o.row
