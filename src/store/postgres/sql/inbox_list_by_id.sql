-- One message, in the scope.
SELECT i.nr, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size, s.decided_by
FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN stamp s ON s.nr = i.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND (cardinality($3::text[]) = 0 OR i.state = ANY($3))
  AND ($4::uuid IS NULL OR i.nr < (SELECT b.nr FROM inbox_id b WHERE b.id = $4))
  AND d.id = $6
LIMIT $5::bigint
