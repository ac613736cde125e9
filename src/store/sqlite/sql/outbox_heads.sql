-- Unsettled rows of a lane in order, with all a worker needs.
SELECT o.row, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.message, o.state, o.attempts, o.unclear,
  o.queued, o.deadline, o.after IS NULL OR a.state = 'sent', o.sealed, c.received, o.not_before, o.remembered
FROM outbox o LEFT JOIN outbox a ON a.id = o.after LEFT JOIN inbox c ON c.id = o.cause
WHERE o.lane = ?1 AND o.state <> 'sent'
ORDER BY o.row LIMIT ?2
