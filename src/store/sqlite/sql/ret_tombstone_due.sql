SELECT key FROM tombstone WHERE until <= ?1 ORDER BY until LIMIT ?2
