-- A row with all that asking its far end needs, and what became of it since it was sent; columns as a lane's heads have them.
SELECT o.row, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.message, o.state, o.attempts, o.unclear,
  o.queued, o.deadline, 1, o.sealed, NULL, NULL, o.remembered, f.state
FROM outbox o LEFT JOIN followed f ON f.outbox = o.row
WHERE o.id = ?1
