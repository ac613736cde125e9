SELECT o.destination, o.state, count(*), sum(o.attempts), min(o.queued) FROM outbox o JOIN stamp s ON s.row = o.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2)
GROUP BY o.destination, o.state ORDER BY o.destination
