-- Narrowed to a Mandant and a partner; empty texts narrow nothing. Aliases (`sendung`) are told apart by their sealed record.
SELECT v.key, v.id, v.owner, v.state, v.deadline, v.sealed, v.stamp, v.traceparent, v.row
FROM vorgang v JOIN stamp s ON s.row = v.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2) AND (?4 IS NULL OR v.row < ?4)
ORDER BY v.row DESC LIMIT ?3
