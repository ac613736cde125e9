SELECT coalesce(sum(n), 0) FROM repeats
WHERE (?1 IS NULL OR mandant = ?1) AND (?2 IS NULL OR partner = ?2)
