-- Messages that are looked for, newest first: by the index of their ids, which begin with the moment of receipt.
SELECT i.nr, i.id, i.state, i.received, i.binding, i.route, i.message, s.partner, s.mandant, s.test, i.codes, i.size, s.decided_by
FROM inbox_id d JOIN inbox i ON i.nr = d.nr JOIN stamp s ON s.nr = i.stamp
WHERE d.id BETWEEN $6::uuid AND $7::uuid
  -- The scope: a Mandant sees its own rows, a partner its own within one Mandant, the operator all.
  AND ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  -- States; an empty list means all.
  AND (cardinality($3::text[]) = 0 OR i.state = ANY($3))
  -- Older than a given message.
  AND ($4::uuid IS NULL OR d.id < $4)
  AND ($8::text IS NULL OR s.partner = $8) AND ($9::text IS NULL OR i.route = $9) AND ($10::text IS NULL OR i.message = $10)
  AND ($11::text IS NULL OR $11 = ANY(string_to_array(i.codes, ' ')))
ORDER BY d.id DESC LIMIT $5::bigint
