-- Narrowed to a Mandant and a partner, newest first.
SELECT v.key, v.id, v.owner, v.state, v.deadline, v.nr
FROM vorgang v JOIN stamp s ON s.nr = v.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND ($4::bigint IS NULL OR v.nr < $4)
ORDER BY v.nr DESC LIMIT $3::bigint
