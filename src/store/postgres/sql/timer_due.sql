-- Timers whose time has come, oldest first.
SELECT t.id, t.name, t.stamp, t.traceparent, s.partner, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
FROM timer t JOIN stamp s ON s.nr = t.stamp JOIN sealed c ON c.nr = t.nr
WHERE t.due <= $1 ORDER BY t.due LIMIT $2::bigint
