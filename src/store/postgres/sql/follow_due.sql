-- Those that are due longest first. What has no row any more was left by a program that knew nothing of it.
SELECT f.nr, o.id, f.destination, f.since, f.until, f.looks, f.kept
FROM followed f LEFT JOIN outbox o ON o.nr = f.nr
WHERE f.state = 'open' AND f.due <= $1 AND f.destination <> ALL($2::text[]) ORDER BY f.due LIMIT $3::bigint
