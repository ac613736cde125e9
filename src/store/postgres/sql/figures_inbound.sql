-- Messages by state.
SELECT i.state, count(*) FROM inbox i JOIN stamp s ON s.nr = i.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR s.partner = $2)
GROUP BY i.state ORDER BY i.state
