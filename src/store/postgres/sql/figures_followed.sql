-- What is or was followed by destination and state.
SELECT o.destination, f.state, count(*) FROM followed f JOIN outbox o ON o.nr = f.nr JOIN stamp s ON s.nr = o.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
GROUP BY o.destination, f.state
