SELECT i.codes, count(*) FROM inbox i JOIN stamp s ON s.row = i.stamp
WHERE (?1 IS NULL OR s.mandant = ?1) AND (?2 IS NULL OR s.partner = ?2)
  AND i.codes <> ''
GROUP BY i.codes
