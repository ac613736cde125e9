-- Rows of the outbox by destination and state.
SELECT o.destination, o.state, count(*), sum(o.attempts)::bigint, min(o.queued) FROM outbox o JOIN stamp s ON s.nr = o.stamp
WHERE ($1::text IS NULL OR s.mandant = $1) AND ($2::text IS NULL OR o.partner = $2)
GROUP BY o.destination, o.state ORDER BY o.destination
