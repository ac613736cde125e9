-- Doubtful rows in their order, with all that looking them up needs; columns as a lane's heads have them.
SELECT o.lane, o.folge, o.id, o.stamp, o.traceparent, o.cause, o.destination, o.partner, o.state, o.attempts, o.unclear, o.queued,
  o.deadline, o.not_before, true, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note, o.message, o.remembered
FROM outbox o JOIN sealed c ON c.nr = o.nr
WHERE o.state IN ('queued', 'retrying') AND o.unclear
  AND o.nr > coalesce((SELECT nr FROM outbox_id WHERE id = $1), 0)
ORDER BY o.nr LIMIT $2::bigint
