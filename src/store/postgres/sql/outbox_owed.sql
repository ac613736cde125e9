-- What a message has caused, as far as it decides whether its answer can be taken back.
SELECT o.nr, o.id, o.lane, o.stamp, o.traceparent, o.state, o.unclear, o.remembered IS NOT NULL AS left, o.not_before IS NOT NULL AS unseen,
  l.lease_until IS NOT NULL AS leased, coalesce(l.fence, 0) AS fence, o.message
FROM outbox o LEFT JOIN lane l ON l.nr = o.lane
WHERE o.cause = $1
ORDER BY o.nr
