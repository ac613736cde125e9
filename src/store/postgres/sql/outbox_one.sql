-- A row with all that asking its far end needs, and what became of it since it was sent; columns as a lane's heads have them.
SELECT o.lane, o.folge, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.state, o.attempts, o.unclear, o.queued,
  o.deadline, o.not_before, true, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note, o.message, o.remembered, f.state
FROM outbox_id i JOIN outbox o ON o.nr = i.nr JOIN sealed c ON c.nr = o.nr LEFT JOIN followed f ON f.nr = o.nr
WHERE i.id = $1
