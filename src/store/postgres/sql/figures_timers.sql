SELECT count(*) FROM timer t JOIN stamp s ON s.nr = t.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
