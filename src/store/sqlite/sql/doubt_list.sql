-- Doubtful rows in their order, with all that looking them up needs.
SELECT o.row, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.message, o.state, o.attempts, o.unclear,
  o.queued, o.deadline, 1, o.sealed, NULL, NULL, o.remembered
FROM outbox o
WHERE o.state IN ('queued', 'retrying') AND o.unclear = 1
  AND o.row > coalesce((SELECT row FROM outbox WHERE id = ?1), 0)
ORDER BY o.row LIMIT ?2
