-- Narrowed to a Mandant and a partner; pages begin after the row of the given id.
SELECT m.id, s.mandant, s.partner, m.nr
FROM mirror m JOIN stamp s ON s.nr = m.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND m.nr > coalesce((SELECT a.nr FROM mirror a WHERE a.id = $3), 0)
ORDER BY m.nr LIMIT $4::bigint
