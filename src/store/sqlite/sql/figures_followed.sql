SELECT o.destination, f.state, count(*) FROM followed f JOIN outbox o ON o.row = f.outbox JOIN stamp s ON s.row = o.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR o.partner = ?2)
GROUP BY o.destination, f.state
