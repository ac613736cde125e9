SELECT i.state, count(*) FROM inbox i JOIN stamp s ON s.row = i.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
GROUP BY i.state ORDER BY i.state
