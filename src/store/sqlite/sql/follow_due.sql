-- Those that are due longest first.
SELECT f.outbox, o.id, o.destination, f.since, f.until, f.looks, f.kept, o.sealed
FROM followed f JOIN outbox o ON o.row = f.outbox
WHERE f.state = 'open' AND f.due <= ?1 AND f.destination NOT IN (SELECT value FROM json_each(?2)) ORDER BY f.due LIMIT ?3
