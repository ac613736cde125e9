SELECT i.nr, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size, s.decided_by
FROM inbox i JOIN stamp s ON s.nr = i.stamp
-- The scope: a Mandant sees its own rows, a partner its own within one Mandant, the operator all.
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  -- States; an empty list means all.
  AND (cardinality($3::text[]) = 0 OR i.state = ANY($3))
  -- Older than a given message; of an unknown one nothing is older.
  AND ($4::uuid IS NULL OR i.nr < (SELECT d.nr FROM inbox_id d WHERE d.id = $4))
ORDER BY i.nr DESC LIMIT $5::bigint
