-- Messages of one transport id, in the scope.
SELECT i.nr, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size, s.decided_by
FROM inbox i JOIN stamp s ON s.nr = i.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND (cardinality($3::text[]) = 0 OR i.state = ANY($3))
  AND ($4::uuid IS NULL OR i.nr < (SELECT d.nr FROM inbox_id d WHERE d.id = $4))
  AND i.transport = $6 AND ($7::uuid IS NULL OR i.id = $7)
ORDER BY i.nr DESC LIMIT $5::bigint
