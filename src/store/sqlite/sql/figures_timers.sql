SELECT count(*) FROM timer t JOIN stamp s ON s.row = t.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
