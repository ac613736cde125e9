-- What is kept apart and needs nothing more of this house: its sender was told that it is refused, or nothing of it is kept.
UPDATE inbox i SET state = 'rejected' FROM inbox_id d
WHERE d.id = $1 AND i.nr = d.nr AND i.state = 'quarantined' AND (i.codes <> '' OR NOT i.kept)
RETURNING i.stamp, i.traceparent
