SELECT count(*) FROM mirror m JOIN stamp s ON s.row = m.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
