SELECT min(i.received) FROM inbox i JOIN stamp s ON s.nr = i.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND i.state = 'waiting'
