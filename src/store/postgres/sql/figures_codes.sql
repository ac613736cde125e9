-- Messages by the codes of their rejection.
SELECT i.codes, count(*) FROM inbox i JOIN stamp s ON s.nr = i.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
  AND i.codes <> ''
GROUP BY i.codes
