-- What is kept apart and needs nothing more of this house: its sender was told that it is refused, or nothing of it is kept.
UPDATE inbox SET state = 'rejected' WHERE id = ?1 AND state = 'quarantined' AND (codes <> '' OR kept = 0)
RETURNING stamp, traceparent
